"""Switch off everything that a dependency could send or fetch on its own.

The package imports this module before anything else, so that each switch is set before the library that reads it is
imported. Processes that SkinLens starts inherit the switches; a worker on another machine sets them by importing the
package. docs/privacy.md lists what each library could send.
"""

import os

SWITCHES = {
    # Read once, when onnxruntime is imported: its own call to disable events comes too late.
    "ORT_DISABLE_TELEMETRY": "1",
    # Read by the process that starts a cluster, which is this one unless RAY_ADDRESS names another.
    "RAY_USAGE_STATS_ENABLED": "0",
    # timm brings huggingface_hub. No command loads from it: `--init imagenet` uses torchvision's own hub.
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    # .streamlit/config.toml says the same to a server that was started by `streamlit run`.
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
    "DO_NOT_TRACK": "1",
}


def switch_off() -> None:
    """Set every switch in this process's environment, whatever it was before."""
    os.environ.update(SWITCHES)
