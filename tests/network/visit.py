"""Start the app, look at every page, have an example assessed, wait some seconds, and stop."""

import sys
import time

import pytest
from websockets.exceptions import InvalidStatus

from tests.network.visitor import Visitor
from tests.serving import serving

PAGES = ("Triage", "Batch", "Compare", "Cases", "About")
EXAMPLE = "Try a synthetic example"


def main() -> None:
    with serving() as address, Visitor(address) as visitor:
        visitor.look()
        for page in (*PAGES, PAGES[0]):
            assert "not a medical device" in visitor.look(page), f"{page} was not drawn to its end"
        assert "metric {" in visitor.click(EXAMPLE), "the example was not assessed"
        # Streamlit by itself would now look up this machine's public address.
        with pytest.raises(InvalidStatus), Visitor(address, origin="http://elsewhere.invalid"):
            pass
        time.sleep(float(sys.argv[1]))


if __name__ == "__main__":
    main()
