"""What stands on the results topic: manifests, and which of them are believed."""
