"""Serves ministack on one port of loopback, with what it gets wrong put right where the wiring depends on it.

Each correction makes the emulator behave as AWS documents; none makes a call succeed that AWS would refuse. They are listed in
docs/decisions/0015-wiring-bed.md, and test/cloud/wiring-bed.test.ts shows that they are in force.

The emulator believes that it is reached where GATEWAY_PORT says, which is the recorder; it listens on WAYBILL_BED_PORT.
"""

import asyncio
import contextvars
import dataclasses
import datetime
import glob
import json
import logging
import math
import os
import re
import signal
import threading
import time

import docker
from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack.app import app
from ministack.core import iam_actions, iam_evaluator, lambda_runtime
from ministack.services import ec2, ecs, eventbridge, lambda_svc, stepfunctions


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


def know_the_machine_of_a_token():
    """Who answers for a task is asked for permission on the machine of its token; the emulator would ask for all resources."""
    execute_task, wait = stepfunctions._execute_task, stepfunctions._invoke_with_callback
    resource_of = iam_actions.extract_resource_arn
    machine, machines = contextvars.ContextVar("machine", default="*"), {}

    def executed(state, raw_input, execution, context):
        machine.set(execution["stateMachineArn"])
        return execute_task(state, raw_input, execution, context)

    def waited(resource, given, token, state):
        machines[token] = machine.get()
        return wait(resource, given, token, state)

    def resource_arn(service, method, path, headers, body, *args, **kwargs):
        if service == "states" and b'"taskToken"' in (body or b""):
            return machines.get(json.loads(body)["taskToken"], "*")
        return resource_of(service, method, path, headers, body, *args, **kwargs)

    stepfunctions._execute_task, stepfunctions._invoke_with_callback = executed, waited
    iam_actions.extract_resource_arn = resource_arn


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


def know_the_keys_of_conditions():
    """Conditions that our policies have and that the emulator gives no value for, so that a Deny would hold for everybody."""
    resolve = iam_evaluator._resolve_condition_key
    of_s3, of_request = iam_actions.s3_service_context, iam_actions.request_tag_context

    def resolved(key, context):
        if key.lower() == "aws:principalarn":
            # Of a session it is the ARN of the role, not of the session.
            session = re.fullmatch(r"arn:(\w+):sts::(\d+):assumed-role/(.+)/[^/]+", context.principal_arn)
            return "arn:{}:iam::{}:role/{}".format(*session.groups()) if session else context.principal_arn
        return resolve(key, context)

    def s3_context(action, query, path="", headers=None):
        context, headers = of_s3(action, query, path, headers), headers or {}
        if query and "X-Amz-Signature" in query:
            # Only workers use such URLs, and their network has one gateway to S3.
            gateways = [one["VpcEndpointId"] for one in ec2._vpc_endpoints.values() if one["ServiceName"].endswith(".s3")]
            context.update({"aws:sourcevpce": one for one in gateways})
        if action == "s3:PutObject":
            context["s3:ObjectCreationOperation"] = "false" if query and "partNumber" in query else "true"
            for header, name in _S3_CONDITIONS.items():
                if header in headers:
                    context[name] = headers[header]
        until = headers.get("x-amz-object-lock-retain-until-date")
        if until is not None:
            # Whole days; AWS does not say how it rounds, so our policies leave a day of room.
            left = datetime.datetime.fromisoformat(until) - datetime.datetime.now(datetime.timezone.utc)
            context["s3:object-lock-remaining-retention-days"] = str(math.floor(left.total_seconds() / 86_400))
        return context

    def request_context(service, action, body, params):
        context = of_request(service, action, body, params)
        if service == "kms" and body:
            asked = json.loads(body)
            context.update({f"kms:{name}": asked[name] for name in _KMS_CONDITIONS if name in asked})
        return context

    iam_evaluator._resolve_condition_key = resolved
    iam_actions.s3_service_context, iam_actions.request_tag_context = s3_context, request_context


def ask_for_one_message_in_a_batch():
    """IAM knows `sqs:SendMessage` for a batch too, and no action of the batch's own name."""
    extract = iam_actions.extract_iam_action

    def extracted(service, *args, **kwargs):
        action = extract(service, *args, **kwargs)
        return action.removesuffix("Batch") if service == "sqs" and action else action

    iam_actions.extract_iam_action = extracted


def fill_in_variables_of_policies():
    """`${aws:userid}` in a resource or in the value of a condition is who asks."""
    first_match = iam_evaluator._first_match

    def filled(value, context):
        if isinstance(value, dict):
            return {key: filled(one, context) for key, one in value.items()}
        if isinstance(value, list):
            return [filled(one, context) for one in value]
        return re.sub(r"\$\{(\w+:[\w/-]+)\}", lambda name: str(iam_evaluator._resolve_condition_key(name[1], context)), value)

    def matched(context, statements, effect):
        given = [
            dataclasses.replace(
                one,
                resources=filled(one.resources, context),
                not_resources=filled(one.not_resources, context),
                conditions=filled(one.conditions, context),
            )
            if one.effect == effect and "${" in f"{one.resources}{one.not_resources}{one.conditions}"
            else one
            for one in statements
        ]
        return first_match(context, given, effect)

    iam_evaluator._first_match = matched


_S3_CONDITIONS = {
    "if-none-match": "s3:if-none-match",
    "x-amz-object-lock-mode": "s3:object-lock-mode",
    "x-amz-object-lock-retain-until-date": "s3:object-lock-retain-until-date",
    "x-amz-object-lock-legal-hold": "s3:object-lock-legal-hold",
    "x-amz-server-side-encryption-aws-kms-key-id": "s3:x-amz-server-side-encryption-aws-kms-key-id",
}
_KMS_CONDITIONS = ("SigningAlgorithm", "MessageType", "MacAlgorithm")


def ask_about_the_machine_of_a_version_or_alias():
    """Step Functions asks for permission on the machine; which version or alias was meant is a condition."""
    resource_of, of_request = iam_actions.extract_resource_arn, iam_actions.request_tag_context
    qualified = re.compile(r"(arn:[\w-]+:states:[^:]*:[^:]*:stateMachine:[^:]+):([^:]+)")

    def resource_arn(service, *args, **kwargs):
        arn = resource_of(service, *args, **kwargs)
        found = qualified.fullmatch(arn) if service == "states" else None
        return found[1] if found else arn

    def request_context(service, action, body, params):
        context = of_request(service, action, body, params)
        asked = json.loads(body).get("stateMachineArn", "") if service == "states" and body else ""
        found = qualified.fullmatch(asked)
        return {**context, "states:statemachinequalifier": found[2]} if found else context

    iam_actions.extract_resource_arn, iam_actions.request_tag_context = resource_arn, request_context


def ask_about_a_schedule_in_its_group():
    """The emulator asks about every schedule as if it were in the group `default`."""
    resource_of = iam_actions.extract_resource_arn

    def resource_arn(service, method, path, headers, body, query_params, *args, **kwargs):
        arn = resource_of(service, method, path, headers, body, query_params, *args, **kwargs)
        if service != "scheduler" or ":schedule/default/" not in arn:
            return arn
        asked = (query_params or {}).get("groupName")
        in_query = asked[0] if isinstance(asked, list) else asked
        group = in_query or (json.loads(body).get("GroupName") if body else None) or "default"
        return arn.replace(":schedule/default/", f":schedule/{group}/")

    iam_actions.extract_resource_arn = resource_arn


def ask_about_a_parameter_by_its_arn():
    """GetParameter takes the ARN of a parameter for its name; the emulator would ask about one that is called like that."""
    resource_of = iam_actions.extract_resource_arn
    twice = re.compile(r"arn:[\w-]+:ssm:[^:]*:[^:]*:parameter/(arn:[\w-]+:ssm:.+)")

    def resource_arn(service, *args, **kwargs):
        arn = resource_of(service, *args, **kwargs)
        found = twice.fullmatch(arn) if service == "ssm" else None
        return found[1] if found else arn

    iam_actions.extract_resource_arn = resource_arn


def write_invocations_down():
    """
    One line of invocations.jsonl for every start of a function's process and for every invocation, and one of function-logs.jsonl
    for what it has written.
    """
    execute, spawn, invoke = lambda_svc._execute_function, lambda_runtime.Worker._spawn, lambda_runtime.Worker.invoke
    burnt = threading.local()
    path = os.path.join(os.environ["WAYBILL_BED_DIRECTORY"], "invocations.jsonl")

    logs, one_by_one = os.path.join(os.path.dirname(path), "function-logs.jsonl"), threading.Lock()

    def line(**fields):
        # One write of less than a page: lines of threads do not mix.
        with open(path, "a", encoding="utf-8") as out:
            out.write(json.dumps(fields) + "\n")

    def written(name, log):
        with one_by_one, open(logs, "a", encoding="utf-8") as out:
            out.write(json.dumps({"function": name, "log": log}, ensure_ascii=False) + "\n")

    def spawned(worker):
        started = time.time()
        answer = spawn(worker)
        line(function=worker.config["FunctionName"], startedMs=started * 1000, initMs=(time.time() - started) * 1000)
        return answer

    def cpu_ms(worker):
        # Of all threads of its process, in nanoseconds; a process that is not there yet has used none.
        if worker._proc is None or worker._proc.poll() is not None:
            return 0
        total = 0
        for task in glob.glob(f"/proc/{worker._proc.pid}/task/*/schedstat"):
            try:
                with open(task, encoding="ascii") as text:
                    total += int(text.read().split()[0])
            except OSError:
                pass
        return total / 1e6

    def invoked(worker, *args, **kwargs):
        before = cpu_ms(worker)
        try:
            return invoke(worker, *args, **kwargs)
        finally:
            burnt.ms = cpu_ms(worker) - before

    def executed(function, event, *args, **kwargs):
        started, burnt.ms = time.time(), None
        result = execute(function, event, *args, **kwargs)
        config = function.get("config") or function
        line(
            function=config["FunctionName"],
            startedMs=started * 1000,
            elapsedMs=(time.time() - started) * 1000,
            cpuMs=burnt.ms,
            memoryMiB=config.get("MemorySize", 128),
            records=len(event.get("Records", [])) if isinstance(event, dict) else 0,
            failed=bool(result.get("error")),
            logBytes=len(result.get("log") or ""),
        )
        written(config["FunctionName"], result.get("log") or "")
        return result

    lambda_svc._execute_function, lambda_runtime.Worker._spawn = executed, spawned
    lambda_runtime.Worker.invoke = invoked


def end_with_the_test():
    """A test that is killed cannot stop its bed: the bed sees that it is nobody's any more, and ends with all it started."""
    parent = os.getppid()

    def watch():
        while os.getppid() == parent:
            time.sleep(0.5)
        docker.kill_all()
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def main():
    end_with_the_test()
    know_the_keys_of_conditions()
    fill_in_variables_of_policies()
    ask_for_one_message_in_a_batch()
    ask_about_the_machine_of_a_version_or_alias()
    ask_about_a_schedule_in_its_group()
    ask_about_a_parameter_by_its_arn()
    write_invocations_down()
    publish_state_changes_of_tasks()
    answer_run_task_once_per_client_token()
    name_results_of_run_task_as_step_functions_does()
    honour_timeout_paths()
    know_the_machine_of_a_token()
    retry_failed_records_of_streams()
    logging.getLogger("hypercorn.access").disabled = True
    config = Config()
    config.bind = [f"127.0.0.1:{os.environ['WAYBILL_BED_PORT']}"]
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    asyncio.run(serve(app, config))


if __name__ == "__main__":
    main()
