"""Runs the containers of ECS tasks as local processes, for an emulator that looks for a module named docker.

It is no Docker: there is no image, no isolation and no network of its own. What a container runs is told by the JSON file that
WAYBILL_BED_CONTAINERS names: {"<container name>": {"command": [...], "environment": {...}}}; the file is read at each start, so
a test can change what the next task runs. A container that it does not name does not start, as if its image could not be pulled.

`{volume}` in a command or in a value of the environment is the directory that the containers of one task share; it holds
`<container>.log` and `<container>.pid` too.
"""

import json
import os
import re
import signal
import subprocess
import threading
import uuid

from . import errors

_DIRECTORY = os.environ.get("WAYBILL_BED_DIRECTORY", "/nonexistent")
_CONTAINERS_FILE = os.environ.get("WAYBILL_BED_CONTAINERS", "/nonexistent")

# What the emulator adds and Fargate would not: a task without a role has no address of credentials.
_NOT_ON_FARGATE = (
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_ENDPOINT_URL",
)

_all = {}
_lock = threading.Lock()


def _path_free(name):
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)


class Container:
    def __init__(self, labels, environment):
        name = labels["com.amazonaws.ecs.container-name"]
        task_arn = labels["com.amazonaws.ecs.task-arn"]
        with open(_CONTAINERS_FILE, encoding="utf-8") as text:
            plan = json.load(text).get(name)
        if plan is None:
            raise errors.ImageNotFound(f"no image for container {name}")
        self.id = uuid.uuid4().hex
        self.name = name
        self.labels = labels
        self.task_arn = task_arn
        self.attrs = {"NetworkSettings": {"Networks": {}}}
        volume = os.path.join(_DIRECTORY, "tasks", _path_free(task_arn.rsplit("/", 1)[-1]))
        os.makedirs(volume, exist_ok=True)

        def filled(text):
            return text.replace("{volume}", volume)

        own = {key: value for key, value in environment.items() if key not in _NOT_ON_FARGATE}
        env = {
            "PATH": os.environ["PATH"],
            **{key: filled(value) for key, value in {**own, **plan.get("environment", {})}.items()},
        }
        self._log = os.path.join(volume, f"{_path_free(name)}.log")
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(
                [filled(word) for word in plan["command"]],
                cwd=volume,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        with open(os.path.join(volume, f"{_path_free(name)}.pid"), "w", encoding="utf-8") as pid:
            pid.write(str(self._process.pid))

    @property
    def status(self):
        return "running" if self._process.poll() is None else "exited"

    def reload(self):
        self._process.poll()

    def wait(self, **_kwargs):
        code = self._process.wait()
        # A process that a signal ended exits with 128 and the signal, as in a container.
        return {"StatusCode": 128 - code if code < 0 else code}

    def logs(self, stream=False, tail=None, **_kwargs):
        with open(self._log, "rb") as log:
            text = log.read()
        if tail is not None:
            text = b"\n".join(text.splitlines()[-tail:])
        return iter([text]) if stream else text

    def _signal(self, number):
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            pass

    def stop(self, timeout=10, **_kwargs):
        if self._process.poll() is not None:
            return
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=timeout)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait()

    def remove(self, **_kwargs):
        # Whatever the first process left behind in its session dies with the container.
        self._signal(signal.SIGKILL)
        self._process.poll()
        with _lock:
            _all.pop(self.id, None)


class _Containers:
    def get(self, container_id):
        with _lock:
            container = _all.get(container_id)
        if container is None:
            raise errors.NotFound(container_id)
        return container

    def run(self, _image, environment=None, labels=None, platform=None, **_kwargs):
        if platform is not None:
            # The emulator then asks again without it; with it, each start would wait a quarter of a second for an exec error.
            raise errors.DockerException("a process has the platform of its machine")
        # Known before it runs: whoever stops the task now finds it.
        with _lock:
            container = Container(labels or {}, environment or {})
            _all[container.id] = container
        return container

    def list(self, **_kwargs):
        with _lock:
            return [one for one in _all.values() if one.labels]


class _Images:
    def get(self, image):
        raise errors.ImageNotFound(image)

    def pull(self, image, **_kwargs):
        raise errors.ImageNotFound(image)


class _Client:
    def __init__(self):
        self.containers = _Containers()
        self.images = _Images()

    def ping(self):
        return True


def stop_task(task_arn):
    """Ends the containers of a task: when one that is essential has ended, the others have to go too."""
    with _lock:
        left = [one for one in _all.values() if one.task_arn == task_arn]
    for container in left:
        container.stop(timeout=5)


def kill_all():
    """Nobody waits for the containers any more."""
    with _lock:
        left = list(_all.values())
    for container in left:
        container.remove()


_client = None


def from_env(**_kwargs):
    global _client
    with _lock:
        if _client is None:
            _client = _Client()
    return _client
