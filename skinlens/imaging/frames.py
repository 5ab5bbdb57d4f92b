"""Files that hold several images: frames of a DICOM file, pages of a TIFF."""

from skinlens.imaging.image import ImageRejectedError
from skinlens.translation import marked, sentence

_FIRST_FRAME = marked("This file holds {n} frames; the first is used.")
_OTHER_FRAME = marked("This file holds {n} frames; frame {k} is used.")
_FIRST_PAGE = marked("This file holds {n} pages; the first is used.")
_OTHER_PAGE = marked("This file holds {n} pages; page {k} is used.")


def with_frame(path: str, frame: int) -> str:
    """Return the path of an image in a table: further images of a file are named as members of it are.

    Args:
        path: Of the file.
        frame: From 0.

    >>> with_frame("lesion.dcm", 0), with_frame("lesion.dcm", 2)
    ('lesion.dcm', 'lesion.dcm!/3')
    """
    return f"{path}!/{frame + 1}" if frame else path


def check_frame(frame: int, frames: int, name: str) -> None:
    """Reject the number of an image that a file does not hold.

    Args:
        frame: From 0.
        frames: How many images the file holds.
        name: How the rejection names the file.

    Raises:
        ImageRejectedError: `no_such_frame`.
    """
    if not 0 <= frame < frames:
        raise ImageRejectedError(
            "no_such_frame",
            sentence("{name} has no image number {k}; it holds {n}.", name=name, k=frame + 1, n=frames),
        )


def frame_note(frame: int, frames: int, *, pages: bool = False) -> tuple[str, ...]:
    """Return the sentence that says which of a file's images is used; none where it holds one.

    Args:
        frame: From 0.
        frames: How many there are.
        pages: Whether they are called pages rather than frames.

    >>> frame_note(0, 3), frame_note(1, 3, pages=True)
    (('This file holds 3 frames; the first is used.',), ('This file holds 3 pages; page 2 is used.',))
    """
    if frames == 1:
        return ()
    first, other = (_FIRST_PAGE, _OTHER_PAGE) if pages else (_FIRST_FRAME, _OTHER_FRAME)
    return (sentence(first, n=frames) if frame == 0 else sentence(other, n=frames, k=frame + 1),)
