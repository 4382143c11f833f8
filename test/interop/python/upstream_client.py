"""A user client that speaks as the one of scistream-proto 1.2.1 does, for interoperability tests.

Prints one JSON object: for every call what the server answered, or {"code", "details"} of its refusal. Stubs made from the
protocol file must be importable (PYTHONPATH); the token comes from SCISTREAM_TOKEN.
"""

import argparse
import json
import os
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import grpc
import scistream_pb2
import scistream_pb2_grpc

# What upstream's client sends to a host that is not in its list of scopes.
NO_TOKEN = "INVALID_TOKEN"


def main():
    options = command_line().parse_args()
    with open_channel(options) as channel:
        stub = scistream_pb2_grpc.ControlStub(channel)
        print(json.dumps(COMMANDS[options.command](Client(stub, options), options)), flush=True)


class Client:
    """The four calls with upstream's fields and metadata."""

    def __init__(self, stub, options):
        self.stub = stub
        self.options = options
        token = os.environ.get("SCISTREAM_TOKEN", NO_TOKEN)
        self.metadata = (("authorization", token),) if token else ()

    def req(self, uid, role):
        request = scistream_pb2.Request(
            uid=uid,
            role=role,
            num_conn=self.options.num_conn,
            rate=self.options.rate,
            **json.loads(self.options.new_fields),
        )
        call = self.stub.req.future(request, metadata=self.metadata, timeout=self.options.deadline)
        if self.options.cancel_on_stdin:
            sys.stdin.readline()
            call.cancel()
        return answer(call, response)

    def hello(self, uid, prod_listeners, role="PROD"):
        request = scistream_pb2.Hello(uid=uid, prod_listeners=prod_listeners, role=role)
        return answer(self.stub.hello.future(request, metadata=self.metadata), app_response)

    def update(self, uid, remote_listeners, role):
        request = scistream_pb2.UpdateTargets(uid=uid, remote_listeners=remote_listeners, role=role)
        return answer(self.stub.update.future(request, metadata=self.metadata), response)

    def release(self, uid):
        return answer(self.stub.release.future(scistream_pb2.Release(uid=uid), metadata=self.metadata), response)


def answer(call, shown):
    try:
        return shown(call.result())
    except grpc.FutureCancelledError:
        return {"code": "CANCELLED", "details": "canceled here"}
    except grpc.RpcError as error:
        return {"code": error.code().name, "details": error.details()}


def response(message):
    return {"listeners": list(message.listeners), "prod_listeners": list(message.prod_listeners)}


def app_response(message):
    return {"message": message.message, "listeners": list(message.listeners)}


def inbound_request(client, options):
    return one_end(client, options, str(uuid.uuid1()), "PROD")


def outbound_request(client, options):
    return one_end(client, options, options.uid, "CONS", options.listeners.split(","))


def one_end(client, options, uid, role, targets=None):
    """Upstream's sequence: req in a thread, half a second, Hello (as PROD for both roles), then update."""
    done = {"uid": uid}
    with ThreadPoolExecutor(max_workers=4) as executor:
        if options.hello_first:
            hello = executor.submit(client.hello, uid, application(options))
            time.sleep(options.hello_after)
            done["hello_waited"] = not hello.done()
            req = executor.submit(client.req, uid, role)
        else:
            req = executor.submit(client.req, uid, role)
            time.sleep(options.hello_after)
            hello = executor.submit(client.hello, uid, application(options))
        done["req"], done["hello"] = req.result(), hello.result()
    if "listeners" in done["req"]:
        done["update"] = client.update(uid, targets or done["req"]["prod_listeners"], role)
    return done


def overlapping(client, options):
    """Many users at once: every req is waiting before the first Hello is said, and the Hellos come last first."""
    ports = options.receiver_ports.split(",")
    uids = [str(uuid.uuid1()) for _ in ports]
    targets = [[f"{options.remote_ip}:{port}"] for port in ports]
    with ThreadPoolExecutor(max_workers=2 * len(uids)) as executor:
        reqs = [executor.submit(client.req, uid, "PROD") for uid in uids]
        time.sleep(options.hello_after)
        hellos = [executor.submit(client.hello, uid, target) for uid, target in reversed(list(zip(uids, targets)))]
        updates = [
            executor.submit(client.update, uid, req.result().get("prod_listeners", []), "PROD")
            for uid, req in zip(uids, reqs)
        ]
        ends = zip(uids, reqs, reversed(hellos), updates)
        return {
            "ends": [
                {"uid": uid, "req": req.result(), "hello": hello.result(), "update": update.result()}
                for uid, req, hello, update in ends
            ]
        }


def application(options):
    return [f"{options.remote_ip}:{port}" for port in options.receiver_ports.split(",")]


def contract(_client, _options):
    """The messages and methods as the stubs know them."""
    file = scistream_pb2.DESCRIPTOR
    messages = {
        name: {field.name: field.number for field in message.fields} for name, message in file.message_types_by_name.items()
    }
    methods = {
        method.name: [method.input_type.name, method.output_type.name]
        for method in file.services_by_name["Control"].methods
    }
    return {"package": file.package, "messages": messages, "methods": methods}


COMMANDS = {
    "inbound-request": inbound_request,
    "outbound-request": outbound_request,
    "overlapping": overlapping,
    "req": lambda client, options: {"req": client.req(options.uid, options.role)},
    "hello": lambda client, options: {"hello": client.hello(options.uid, application(options), options.role)},
    "update": lambda client, options: {
        "update": client.update(options.uid, [target for target in options.targets.split(",") if target], options.role)
    },
    "release": lambda client, options: {"release": client.release(options.uid)},
    "contract": contract,
}


def open_channel(options):
    if options.insecure:
        return grpc.insecure_channel(options.s2cs)
    with open(options.server_cert, "rb") as certificate:
        return grpc.secure_channel(options.s2cs, grpc.ssl_channel_credentials(root_certificates=certificate.read()))


def command_line():
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--s2cs", default="localhost:5000")
    common.add_argument("--server_cert", default="server.crt")
    common.add_argument("--insecure", action="store_true")
    common.add_argument("--num_conn", type=int, default=5)
    common.add_argument("--rate", type=int, default=10000)
    common.add_argument("--remote_ip", default="127.0.0.1")
    common.add_argument("--receiver_ports", default="5074,5075,5076,37000,47000")
    # Upstream waits this long so that its Hello does not overtake its request.
    common.add_argument("--hello_after", type=float, default=0.5)
    common.add_argument("--hello_first", action="store_true", help="the Hello comes this long before the request instead")
    common.add_argument("--deadline", type=float, help="seconds that req may take")
    common.add_argument("--cancel_on_stdin", action="store_true", help="cancel req once a line comes on stdin")
    common.add_argument("--new_fields", default="{}", help="more fields of Request, as JSON")

    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    positional = {
        "outbound-request": ["uid", "listeners"],
        "req": ["uid", "role"],
        "hello": ["uid", "role"],
        "update": ["uid", "role", "targets"],
        "release": ["uid"],
    }
    for name in COMMANDS:
        command = commands.add_parser(name, parents=[common])
        for argument in positional.get(name, []):
            command.add_argument(argument)
    return parser


if __name__ == "__main__":
    main()
