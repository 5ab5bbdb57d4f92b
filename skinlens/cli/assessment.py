"""Commands that assess images with a released model: `predict`, `score` and `bench`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from skinlens.cli.options import (
    AsJson,
    EngineName,
    Isic,
    Model,
    Orientations,
    OtherFiles,
    Point,
    Prevalence,
    Runtime,
    Threshold,
    Unverified,
)


def predict(
    paths: Annotated[
        list[Path], typer.Argument(help="Images, folders, zip archives, DICOM files.", show_default=False)
    ],
    model: Model = None,
    point: Point = None,
    threshold: Threshold = None,
    out: Annotated[Path | None, typer.Option(help="File for the rows; else standard output.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON array instead of CSV.")] = False,
    heatmaps: Annotated[Path | None, typer.Option(help="Folder for PNG overlays.")] = None,
    pdf: Annotated[Path | None, typer.Option(help="Folder for PDF case summaries.")] = None,
    dicom: Annotated[
        Path | None, typer.Option(help="Folder for summaries and overlays as DICOM, in the image's own study.")
    ] = None,
    isic: Isic = None,
    passed_over: OtherFiles = None,
    prevalence: Prevalence = 0.02,
    orientations: Orientations = True,
    unverified: Unverified = False,
    engine: EngineName = None,
    frame: Annotated[
        int | None,
        typer.Option(min=1, help="Image of a DICOM file or TIFF that holds several.", show_default="all, a row each"),
    ] = None,
) -> None:
    """Assess images: one row each, in order; an image that cannot be read gets a row too."""
    from skinlens.cli.predict import Outputs
    from skinlens.cli.predict import predict as command

    number = None if frame is None else frame - 1
    outputs = Outputs(out, json, heatmaps, pdf, orientations, dicom, prevalence, isic, passed_over, number)
    command(paths, outputs, model=model, point=point, threshold=threshold, unverified=unverified, engine=engine)


def score(
    source: Annotated[str, typer.Argument(help="Folder, zip archive, manifest CSV, or address such as s3://bucket.")],
    out: Annotated[str, typer.Option(help="Folder or address for Parquet shards; complete shards are kept.")],
    engine: Annotated[Literal["local", "ray"], typer.Option(help="This machine's cores, or a Ray cluster.")] = "local",
    workers: Annotated[int | None, typer.Option(min=1, help="Processes or actors.", show_default="by cores")] = None,
    isic: Isic = None,
    model: Model = None,
    point: Point = None,
    threshold: Threshold = None,
    orientations: Orientations = True,
    unverified: Unverified = False,
    runtime: Runtime = None,
) -> None:
    """Score many images into Parquet, with the columns of predict; the same command resumes after an interruption."""
    from skinlens.cli.score import score as command

    command(
        source,
        out,
        engine=engine,
        workers=workers,
        model=model,
        point=point,
        threshold=threshold,
        orientations=orientations,
        unverified=unverified,
        isic=isic,
        runtime=runtime,
    )


def bench(
    model: Model = None,
    json: AsJson = False,
    unverified: Unverified = False,
    work: Annotated[
        list[str] | None, typer.Option(help="Kind of row to measure; several together.", show_default="all of them")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer turns.")] = False,
    manifest: Annotated[
        list[Path] | None, typer.Option(help="Manifest CSV on whose test images decisions and AUC are compared.")
    ] = None,
    engine: Annotated[
        str | None, typer.Option(help="Engine to compare alone with the reference.", show_default="all of this machine")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File for the JSON too, from which `documents` makes a table.")
    ] = None,
) -> None:
    """Time every engine on this machine, against torch with the grad-cam library."""
    from skinlens.cli.app import APP
    from skinlens.cli.bench import bench as command

    command(
        model=model,
        works=work or (),
        quick=quick,
        manifests=manifest or (),
        engine=engine,
        out=out,
        app=APP,
        as_json=json,
        unverified=unverified,
    )
