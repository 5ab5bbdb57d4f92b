"""Lossless JPEG, decoded by gdcm in a process of its own: over a damaged frame, gdcm ends the process it runs in."""

import subprocess
import sys
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.encaps import encapsulate
from pydicom.pixels import get_decoder
from pydicom.uid import UID


def decode_lossless_jpeg(
    frame: bytes, *, syntax: UID, rows: int, columns: int, samples: int, bits: int, seconds: float
) -> npt.NDArray[Any]:
    """Decode one frame of a DICOM file.

    Args:
        frame: The JPEG stream.
        syntax: JPEG Lossless, with any predictor or the first.
        rows: As the stream's header says.
        columns: As the stream's header says.
        samples: 1 or 3, as the stream's header says.
        bits: Precision, as the stream's header says.
        seconds: How long it may take.

    Returns:
        uint8 or uint16, `(rows, columns)` or `(rows, columns, 3)`, in the colours that are stored.

    Raises:
        subprocess.SubprocessError: If gdcm failed, crashed or took too long.
        ValueError: If the frame ends early, or gdcm gave another number of samples than the header says.
    """
    layout = [str(value) for value in (syntax, rows, columns, samples, bits)]
    # The command is this interpreter on this very file; -P keeps this folder's modules from hiding others.
    command = [sys.executable, "-P", __file__, *layout]
    done = subprocess.run(command, input=frame, capture_output=True, check=True, timeout=seconds)  # noqa: S603
    # libjpeg fills what is missing with grey, succeeds, and says so here alone.
    if b"premature end" in done.stderr:
        raise ValueError("the frame ends early")
    stored = np.frombuffer(done.stdout, np.uint8 if bits <= 8 else np.uint16)
    return stored.reshape((rows, columns) if samples == 1 else (rows, columns, samples))


def _serve(syntax: str, rows: str, columns: str, samples: str, bits: str) -> None:
    options: dict[str, Any] = {
        "rows": int(rows),
        "columns": int(columns),
        "samples_per_pixel": int(samples),
        # Names for which pydicom changes no colours.
        "photometric_interpretation": "PALETTE COLOR" if samples == "1" else "RGB",
        "bits_allocated": 8 if int(bits) <= 8 else 16,
        "bits_stored": int(bits),
        "pixel_representation": 0,
        "planar_configuration": 0,
        "number_of_frames": 1,
        "pixel_keyword": "PixelData",
    }
    decoder = get_decoder(UID(syntax))
    stored, _ = decoder.as_array(encapsulate([sys.stdin.buffer.read()]), index=0, raw=True, validate=False, **options)
    sys.stdout.buffer.write(stored.tobytes())


if __name__ == "__main__":
    _serve(*sys.argv[1:])
