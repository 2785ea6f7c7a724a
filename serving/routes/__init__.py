"""The paths of the API, a file per subject."""

VERSION = "1"
PREFIX = f"/api/v{VERSION}"
