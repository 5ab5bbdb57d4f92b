"""What the pages share: the loaded model, the session's results, the viewer and the charts."""
