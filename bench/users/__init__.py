"""What users of the service meet: its clients, its installation, its scores over HTTP, an earlier release."""
