"""Results as tables, plots and a report; nothing here changes a figure."""
