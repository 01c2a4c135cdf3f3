"""Pages in the browser for the runs below a folder; reads them and disturbs no training."""
