"""Entry point of `python -m skinlens`."""

from skinlens.cli.main import run

if __name__ == "__main__":
    run()
