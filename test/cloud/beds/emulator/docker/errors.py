"""The errors of the docker client that the emulator names."""


class DockerException(Exception):
    pass


class NotFound(DockerException):
    pass


class ImageNotFound(NotFound):
    pass
