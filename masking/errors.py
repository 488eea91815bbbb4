"""Mistakes that a user can fix; each ends as one line and exit code 2."""


class ToolkitError(Exception):
    """Base of every error whose message alone tells the user what to do."""


class InvalidConfig(ToolkitError):
    """An option has a value that cannot work."""


class NameTaken(InvalidConfig):
    """Somebody has the name that is wanted."""


class UnreadableImage(ToolkitError):
    """A file is no image, is damaged, or is too large to decode safely."""


class NoFace(ToolkitError):
    """No face was found where one is needed."""


class MissingInput(ToolkitError):
    """A folder, file or model that a command needs is not there or is empty."""


class BadRecord(ToolkitError):
    """A manifest, checkpoint or gallery is damaged or of another version."""


class EmbedderMismatch(ToolkitError):
    """Embeddings of two different networks would be compared."""


class DivergedTraining(ToolkitError):
    """The loss, or what a network makes of a face, became infinite or no number."""
