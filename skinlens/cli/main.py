"""The commands and how their errors reach a person; heavy packages are imported only by the command that needs them."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from skinlens.cli.say import say, show_traceback
from skinlens.errors import SkinLensError
from skinlens.runtime.weights import weights_folder
from skinlens.storage.printable import printable

app = typer.Typer(
    name="skinlens",
    help="Research demonstrator for dermoscopic images. Not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

WEIGHTS = weights_folder()
EVALUATION = WEIGHTS / "evaluation"
SELECTED = EVALUATION / "selected.json"

Manifests = Annotated[list[Path], typer.Option("--data", help="Manifest CSV; may be given several times.")]
Out = Annotated[Path, typer.Option("--out", help="Folder for what the command leaves behind.")]
Unverified = Annotated[
    bool,
    typer.Option(
        "--unverified", envvar="SKINLENS_UNVERIFIED", help="Use a model that is your own, or not as it was released."
    ),
]


@app.callback()
def _root() -> None:
    """Keeps the command's name in the call, however many commands there are."""


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(help="Recipe, a TOML file.")],
    data: Manifests,
    out: Out,
    init: Annotated[str | None, typer.Option(help="imagenet, or a safetensors file; else random weights.")] = None,
    fold: Annotated[int | None, typer.Option(help="Fold to hold out; else every training row is used.")] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint in --out.")] = False,  # noqa: FBT002
    workers: Annotated[int, typer.Option(min=0, help="Processes that augment images.")] = 1,
    share: Annotated[float, typer.Option(min=0, max=1, help="Share of the lesions to use; learning curves.")] = 1.0,
    hold_out_origin: Annotated[
        list[str] | None,
        typer.Option(
            help="Source dataset to hold out whole, instead of a fold; several together. Needs a column origin."
        ),
    ] = None,
    features: Annotated[
        Path | None, typer.Option(help="Folder that keeps features of pretrained weights between calls.")
    ] = None,
    checkpoint_every: Annotated[int, typer.Option(min=1, help="Epochs from one checkpoint to the next.")] = 1,
) -> None:
    """Train a model by a recipe; under torchrun, on several GPUs."""
    from skinlens.cli.train import train as command

    command(
        recipe,
        data,
        out,
        init=init,
        fold=fold,
        seed=seed,
        resume=resume,
        workers=workers,
        share=share,
        origins=hold_out_origin or (),
        features=features,
        checkpoint_every=checkpoint_every,
    )


@app.command()
def probe(
    data: Manifests,
    init: Annotated[str, typer.Option(help="Pretrained weights: imagenet, or a safetensors file.")],
    network: Annotated[str, typer.Option(help="Network that the weights belong to.")] = "asff_resnet50",
    option: Annotated[
        list[str] | None, typer.Option(help="Option of the network as key=value; may be given several times.")
    ] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder that keeps features between calls.")] = None,
    name: Annotated[str | None, typer.Option(help="Of the result; else network and weights.")] = None,
    out: Out = EVALUATION,
) -> None:
    """Measure a logistic regression on frozen pretrained weights, with each source dataset held out in turn."""
    from skinlens.cli.probe import probe as command

    command(data, network=network, options=option or (), init=init, cache=cache, name=name, out=out)


@app.command()
def predict(
    paths: Annotated[list[Path], typer.Argument(help="Images, folders, zip archives.", show_default=False)],
    model: Annotated[str | None, typer.Option(help="Name of a released model.")] = None,
    point: Annotated[str | None, typer.Option(help="Operating point of the model's card.")] = None,
    threshold: Annotated[float | None, typer.Option(help="A threshold instead of a point, in [0, 1].")] = None,
    out: Annotated[Path | None, typer.Option(help="File for the rows; else standard output.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON array instead of CSV.")] = False,  # noqa: FBT002
    heatmaps: Annotated[Path | None, typer.Option(help="Folder for PNG overlays.")] = None,
    pdf: Annotated[Path | None, typer.Option(help="Folder for PDF case summaries.")] = None,
    dicom: Annotated[
        Path | None, typer.Option(help="Folder for summaries and overlays as DICOM, in the image's own study.")
    ] = None,
    views: Annotated[bool, typer.Option(help="Score each image turned and mirrored too.")] = True,  # noqa: FBT002
    unverified: Unverified = False,  # noqa: FBT002
) -> None:
    """Score images: one row each, in order; what cannot be read gets a row too."""
    from skinlens.cli.predict import Outputs
    from skinlens.cli.predict import predict as command

    outputs = Outputs(out, json, heatmaps, pdf, views, dicom)
    command(paths, outputs, model=model, point=point, threshold=threshold, unverified=unverified)


@app.command()
def score(
    source: Annotated[str, typer.Argument(help="Folder, zip archive, manifest CSV, or address such as s3://bucket.")],
    out: Annotated[str, typer.Option(help="Folder or address for Parquet shards; finished ones are kept.")],
    engine: Annotated[Literal["local", "ray"], typer.Option(help="This machine's cores, or a Ray cluster.")] = "local",
    workers: Annotated[int | None, typer.Option(min=1, help="Processes or actors.", show_default="by cores")] = None,
    model: Annotated[str | None, typer.Option(help="Name of a released model.")] = None,
    point: Annotated[str | None, typer.Option(help="Operating point of the model's card.")] = None,
    threshold: Annotated[float | None, typer.Option(help="A threshold instead of a point, in [0, 1].")] = None,
    views: Annotated[bool, typer.Option(help="Score each image turned and mirrored too.")] = True,  # noqa: FBT002
    unverified: Unverified = False,  # noqa: FBT002
) -> None:
    """Score many images into Parquet, with the columns of predict; the same command goes on where it stopped."""
    from skinlens.cli.score import score as command

    command(
        source,
        out,
        engine=engine,
        workers=workers,
        model=model,
        point=point,
        threshold=threshold,
        orientations=views,
        unverified=unverified,
    )


@app.command()
def evaluate(
    model: Annotated[str, typer.Option(help="A released model by name or card, or a run's model.safetensors.")],
    data: Manifests,
    split: Annotated[Literal["test", "train"], typer.Option(help="Which rows to score.")],
    out: Out,
    quick: Annotated[  # noqa: FBT002
        bool, typer.Option("--quick", help="200 bootstrap draws, shortcut tests on 160 images each, no corruptions.")
    ] = False,
    tta: Annotated[  # noqa: FBT002
        bool, typer.Option("--tta", help="Score the mean over eight orientations; views alone, no further tests.")
    ] = False,
    selected: Annotated[Path, typer.Option(help="Choices by the folds, for runs not released.")] = SELECTED,
    unverified: Unverified = False,  # noqa: FBT002
) -> None:
    """Measure a model on a manifest, in every test view, with intervals."""
    from skinlens.cli.evaluate import evaluate as command

    command(model, data, split, out, quick=quick, tta=tta, selected=selected, unverified=unverified)


@app.command()
def audit(
    manifests: Annotated[list[Path], typer.Argument(help="CSV files with path and label.")],
    out: Out,
    pairs: Annotated[
        Path | None, typer.Option(help="CSV of known pairs (path_a, path_b, kind) to measure recall and precision by.")
    ] = None,
) -> None:
    """Look for duplicates, contradictory labels and what gives the label away besides the lesion."""
    from skinlens.cli.audit import audit as command

    command(manifests, out, pairs)


@app.command()
def review(
    runs: Annotated[list[Path], typer.Argument(help="Finished fold runs; at least one a fold.")],
    data: Manifests,
    out: Out = EVALUATION / "review",
) -> None:
    """Look into the errors that fold runs make on the images they held out."""
    from skinlens.cli.error_analysis import review as command

    command(runs, data, out)


@app.command()
def retouching(
    name: Annotated[str, typer.Argument(help="The model that the runs stand for.")],
    runs: Annotated[list[Path], typer.Argument(help="Finished runs, each with a fold or origin of its own held out.")],
    data: Manifests,
    out: Out = EVALUATION / "retouching",
    images: Annotated[int | None, typer.Option(min=2, help="Images of each run; else all it held out.")] = None,
) -> None:
    """Compare scores with hair or a colour cast taken out first with those of images as they are."""
    from skinlens.cli.ablate_preprocessing import retouching as command

    command(name, runs, data, out, images=images)


@app.command()
def subgroups(
    name: Annotated[str, typer.Argument(help="A model of the choices.")],
    data: Manifests,
    out: Out = EVALUATION,
    selected: Annotated[Path, typer.Option(help="Choices by the folds.")] = SELECTED,
) -> None:
    """Tell who is judged well and who is not, on what the runs of a model's choice held out."""
    from skinlens.cli.subgroups import subgroups as command

    command(name, data, out, selected=selected)


@app.command()
def refusal(
    data: Manifests,
    refuse: Annotated[Path, typer.Option(help="CSV with path and kind of images that must be refused.")],
    model: Annotated[str | None, typer.Option(help="Name of a released model.")] = None,
    out: Out = EVALUATION / "refusal",
    images: Annotated[int | None, typer.Option(min=1, help="Dermoscopic images to look at; else all.")] = None,
    cache: Annotated[Path | None, typer.Option(help="File that keeps features between calls.")] = None,
    release: Annotated[  # noqa: FBT002
        bool, typer.Option("--release", help="Write statistics and threshold into the model's card.")
    ] = False,
    unverified: Unverified = False,  # noqa: FBT002
) -> None:
    """Choose what a model refuses to judge, and measure it."""
    from skinlens.cli.ood import refusal as command

    command(model, data, refuse, out, images=images, cache=cache, release=release, unverified=unverified)


@app.command()
def select(
    name: Annotated[str, typer.Argument(help="Model to be released.")],
    runs: Annotated[
        list[Path], typer.Argument(help="Runs of the choice, differing in the fold or origin that they hold out alone.")
    ],
    considered: Annotated[list[Path] | None, typer.Option(help="Further such runs that were compared.")] = None,
    calibrate: Annotated[  # noqa: FBT002
        bool,
        typer.Option("--calibrate", help="Scale the logits, and choose screening, balanced and specialist points."),
    ] = False,
    out: Out = EVALUATION,
) -> None:
    """Choose threshold and heatmap scale by the folds or origins held out, and record what was compared."""
    from skinlens.cli.select import select as command

    command(name, runs, considered or [], out, calibrate=calibrate)


@app.command()
def audit_augmentation(
    recipe: Annotated[Path, typer.Argument(help="Recipe, a TOML file.")],
    data: Manifests,
    out: Out = EVALUATION / "augmentation",
    images: Annotated[int, typer.Option(min=100, help="Images of each dataset.")] = 1200,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Measure how well compression alone gives the label away before and after a recipe's augmentation."""
    from skinlens.cli.audit_augmentation import audit_augmentation as command

    command(recipe, data, out, images=images, seed=seed)


@app.command()
def interpolate(
    runs: Annotated[list[Path], typer.Argument(help="Finished runs that held out whole datasets.")],
    data: Manifests,
    out: Out,
    images: Annotated[int | None, typer.Option(min=2, help="Images of each dataset; else all.")] = None,
    apply: Annotated[
        float | None, typer.Option(min=0, max=1, help="Keep each run at this share of the way instead of comparing.")
    ] = None,
) -> None:
    """Compare weights between a run's start and its end on the datasets that it held out (WiSE-FT)."""
    from skinlens.cli.interpolate import interpolate as command

    command(runs, data, out, images=images, apply=apply)


@app.command()
def export(
    checkpoint: Annotated[Path, typer.Option(help="model.safetensors of a run on every training row.")],
    name: Annotated[str, typer.Option(help="Name of the released model.")],
    about: Annotated[Path | None, typer.Option(help="Written parts of the card; recipes/<name>.about.toml.")] = None,
    images: Annotated[Path | None, typer.Option(help="Folder of images to check on too.")] = None,
    weights: Annotated[Path, typer.Option(help="Folder of released models.")] = WEIGHTS,
    release: Annotated[  # noqa: FBT002
        bool, typer.Option("--release", help="Release a model that was not released before, with the code.")
    ] = False,
) -> None:
    """Export a checkpoint as graph, weights and card, if the graph passes the parity checks."""
    from skinlens.cli.export import export as command

    written = about or Path(f"recipes/{name}.about.toml")
    command(checkpoint, name, about=written, images=images, weights=weights, new_release=release)


@app.command()
def bench(
    model: Annotated[str | None, typer.Option(help="Name of a released model.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,  # noqa: FBT002
    unverified: Unverified = False,  # noqa: FBT002
) -> None:
    """Time one image with its heatmap, against torch with the grad-cam library."""
    from skinlens.cli.bench import bench as command

    command(model, as_json=json, unverified=unverified)


@app.command()
def card(
    name: Annotated[str, typer.Argument(help="A released model.")],
    weights: Annotated[Path, typer.Option(help="Folder of released models.")] = WEIGHTS,
    unverified: Unverified = False,  # noqa: FBT002
) -> None:
    """Write the measured test scores into a model's card, and the card as Markdown."""
    from skinlens.cli.export import record_test

    record_test(name, weights, unverified=unverified)


@app.command()
def verify(pdf: Annotated[Path, typer.Argument(help="A case summary.")]) -> None:
    """Compare a PDF case summary with the cases that are kept; status 1 if it does not agree."""
    from skinlens.cli.cases import verify_pdf

    verify_pdf(pdf)


@app.command("app")
def serve_app(
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port on this computer; else 8501 or above.")
    ] = None,
) -> None:
    """Show the pages in a browser on this computer."""
    from skinlens.cli.app import serve

    serve(port)


@app.command()
def licences(
    json: Annotated[bool, typer.Option("--json", help="A JSON array.")] = False,  # noqa: FBT002
) -> None:
    """List every installed package that SkinLens needs, with its licence."""
    from skinlens.cli.licences import licences as command

    command(as_json=json)


@app.command()
def documents(
    root: Annotated[Path, typer.Option(help="Folder of the project.")] = Path(),
) -> None:
    """Rewrite the tables of README and docs that follow from models, results and commands."""
    from skinlens.cli.documents import documents as command

    command(root)


cases_app = typer.Typer(help="What is kept of cases.", no_args_is_help=True)
app.add_typer(cases_app, name="cases")


@cases_app.command("list")
def cases_list(
    words: Annotated[list[str] | None, typer.Argument(help="Words that patient, lesion, image or note hold.")] = None,
    json: Annotated[bool, typer.Option("--json", help="A JSON array.")] = False,  # noqa: FBT002
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 200,
) -> None:
    """List cases, the latest first."""
    from skinlens.cli.cases import list_cases

    list_cases(" ".join(words or []), as_json=json, limit=limit)


@cases_app.command("show")
def cases_show(
    case_id: Annotated[str, typer.Argument(help="From `cases list`.")],
    pdf: Annotated[Path | None, typer.Option(help="Write the case summary there.")] = None,
    image: Annotated[Path | None, typer.Option(help="The image, where its pixels are not kept.")] = None,
) -> None:
    """Show one case, and make its summary again."""
    from skinlens.cli.cases import show

    show(case_id, pdf=pdf, image=image)


@cases_app.command("verify")
def cases_verify(
    head: Annotated[str | None, typer.Option(help="Digest that an earlier check or backup ended with.")] = None,
) -> None:
    """Find any change, deletion or reordering behind the program's back; status 1 if there was one."""
    from skinlens.cli.cases import check

    check(head=head)


@cases_app.command("tidy")
def cases_tidy(
    yes: Annotated[  # noqa: FBT002
        bool, typer.Option("--yes", help="Also files that no interrupted save or deletion has left.")
    ] = False,
) -> None:
    """Delete image files that belong to no case, such as those of a save that was interrupted."""
    from skinlens.cli.cases import tidy_up

    tidy_up(sure=yes)


@cases_app.command("backup")
def cases_backup(path: Annotated[Path, typer.Argument(help="Archive to write, such as cases.zip.")]) -> None:
    """Write everything that is kept into one archive."""
    from skinlens.cli.cases import backup

    backup(path)


@cases_app.command("restore")
def cases_restore(path: Annotated[Path, typer.Argument(help="Archive that `cases backup` wrote.")]) -> None:
    """Fill an empty store from an archive."""
    from skinlens.cli.cases import bring_back

    bring_back(path)


@cases_app.command("delete")
def cases_delete(
    pseudonym: Annotated[str, typer.Argument(help="Of the patient.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it.")] = False,  # noqa: FBT002
) -> None:
    """Erase everything about a patient; the log keeps that it was done."""
    from skinlens.cli.cases import delete

    delete(pseudonym, sure=yes)


def run() -> None:
    """Run the command line; an error made for people ends in one sentence and its exit status."""
    try:
        status = app(standalone_mode=False)
    except typer.Abort:
        sys.exit(1)
    except SkinLensError as error:
        say(str(error))
        sys.exit(error.exit_status)
    except Exception as error:
        status = _say_bad_usage(error)
        if status is None:
            sys.excepthook = show_traceback
            raise
    sys.exit(status or 0)


def _say_bad_usage(error: Exception) -> int | None:
    """Say what typer finds wrong with a call, and return its status; None for any other error."""
    status, message = getattr(error, "exit_code", None), getattr(error, "message", None)
    if status is None or message is None:
        return None
    from typer.rich_utils import rich_format_error

    # Typer keeps the type of these errors to itself. What it quotes was typed, or stood for by a `*`.
    error.message = printable(message)  # type: ignore[attr-defined]
    rich_format_error(error)  # type: ignore[arg-type]
    return int(status)
