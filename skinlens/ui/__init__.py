"""What the pages share: the loaded model, session results, the viewer and the charts."""
