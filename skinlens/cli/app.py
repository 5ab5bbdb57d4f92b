"""`skinlens app`: the pages, in a browser on this computer."""

from pathlib import Path

from skinlens.errors import UsageError

APP = Path(__file__).parents[2] / "app.py"


def serve(port: int | None) -> None:
    """Serve the pages until interrupted, as `streamlit run app.py` does.

    Args:
        port: To listen on; None for Streamlit's own choice, 8501 or the next one that is free.

    Raises:
        UsageError: If the pages are not beside the package.
    """
    if not APP.is_file():
        raise UsageError(
            f"{APP} is missing: the pages run from a copy of the whole project, not from the package alone"
        )
    from streamlit.web.cli import main

    options = [] if port is None else ["--server.port", str(port)]
    main(["run", str(APP), *options], prog_name="streamlit")
