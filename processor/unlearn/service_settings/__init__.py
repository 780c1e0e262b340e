"""The settings of each service, which stand together in `unlearn.settings`."""
