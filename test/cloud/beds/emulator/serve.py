"""Serves ministack on one port of loopback, with what it gets wrong put right where the wiring depends on it.

Each correction makes the emulator behave as AWS documents; none makes a call succeed that AWS would refuse. They are listed in
docs/decisions/0015-wiring-bed.md, and test/cloud/wiring-bed.test.ts shows that they are in force.

The emulator believes that it is reached where GATEWAY_PORT says, which is the recorder; it listens on WAYBILL_BED_PORT.
"""

import asyncio
import contextvars
import json
import logging
import os

import docker
from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack.app import app
from ministack.services import ecs, eventbridge, lambda_svc, s3, stepfunctions


def publish_state_changes_of_tasks():
    """ECS puts `ECS Task State Change` on the default bus, and a task whose essential container ended is ended as a whole."""

    def published(task):
        detail = json.dumps(ecs._sanitize(task), default=str)
        entry = {"Source": "aws.ecs", "DetailType": "ECS Task State Change", "Detail": detail, "Resources": [task["taskArn"]]}
        eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)

    mark_running, mark_stopped = ecs._mark_task_running, ecs._mark_task_stopped

    def running(task_arn, task, *args, **kwargs):
        changed = mark_running(task_arn, task, *args, **kwargs)
        if changed:
            published(task)
        return changed

    def stopped(task_arn, task, *args, **kwargs):
        changed = mark_stopped(task_arn, task, *args, **kwargs)
        if changed:
            docker.stop_task(task_arn)
            published(task)
        return changed

    ecs._mark_task_running, ecs._mark_task_stopped = running, stopped


def answer_run_task_once_per_client_token():
    """RunTask with a client token that it knows answers with the task that it started before."""
    run_task, known = ecs._run_task, {}

    def once(data):
        token = data.get("clientToken")
        if token and token in known:
            return known[token]
        answer = run_task(data)
        if token and answer[0] < 400:
            known[token] = answer
        return answer

    ecs._run_task = once
    ecs._ACTION_MAP["RunTask"] = once


def _pascal(value):
    if isinstance(value, list):
        return [_pascal(one) for one in value]
    if isinstance(value, dict):
        return {key[:1].upper() + key[1:]: _pascal(one) for key, one in value.items()}
    return value


def name_results_of_run_task_as_step_functions_does():
    """Step Functions answers in PascalCase from `ecs:runTask` too."""
    for prefix, handler in list(stepfunctions._SERVICE_DISPATCH.items()):
        if prefix.endswith(":ecs:runTask"):
            stepfunctions._SERVICE_DISPATCH[prefix] = lambda resource, given, call=handler: _pascal(call(resource, given))


def honour_timeout_paths():
    """TimeoutSecondsPath is read from the input of the state."""
    execute_task = stepfunctions._execute_task

    def timed(state, raw_input, execution, context):
        path = state.get("TimeoutSecondsPath")
        if path is not None:
            state = {**state, "TimeoutSeconds": stepfunctions._resolve_path(path, raw_input)}
        return execute_task(state, raw_input, execution, context)

    stepfunctions._execute_task = timed


def retry_failed_records_of_streams():
    """A batch of a stream with failed records is given again. AWS begins at the first of them, here the whole batch comes again."""
    execute = lambda_svc._execute_function

    def executed(function, event, *args, **kwargs):
        result = execute(function, event, *args, **kwargs)
        records = event.get("Records") if isinstance(event, dict) else None
        if not records or records[0].get("eventSource") != "aws:dynamodb" or result.get("error"):
            return result
        body = result.get("body")
        body = json.loads(body) if isinstance(body, str) and body else body
        if isinstance(body, dict) and body.get("batchItemFailures"):
            return {**result, "error": True, "body": {"errorType": "BatchItemFailures", "errorMessage": json.dumps(body)}}
        return result

    lambda_svc._execute_function = executed


def say_versions_in_events_of_objects():
    """`Object Created` of a versioned bucket carries the version that was written."""
    fire, dispatch = s3._fire_s3_event, eventbridge._dispatch_event
    version = contextvars.ContextVar("version", default=None)

    def fired(*args, **kwargs):
        version.set(kwargs.get("version_id"))
        return fire(*args, **kwargs)

    def dispatched(event, *args, **kwargs):
        if event.get("Source") == "aws.s3" and version.get() is not None:
            detail = json.loads(event["Detail"])
            detail["object"]["version-id"] = version.get()
            event = {**event, "Detail": json.dumps(detail)}
        return dispatch(event, *args, **kwargs)

    s3._fire_s3_event, eventbridge._dispatch_event = fired, dispatched


def main():
    say_versions_in_events_of_objects()
    publish_state_changes_of_tasks()
    answer_run_task_once_per_client_token()
    name_results_of_run_task_as_step_functions_does()
    honour_timeout_paths()
    retry_failed_records_of_streams()
    logging.getLogger("hypercorn.access").disabled = True
    config = Config()
    config.bind = [f"127.0.0.1:{os.environ['WAYBILL_BED_PORT']}"]
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    asyncio.run(serve(app, config))


if __name__ == "__main__":
    main()
