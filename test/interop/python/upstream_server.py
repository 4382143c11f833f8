"""A control server that behaves as the one of scistream-proto 1.2.1 does, for interoperability tests.

It speaks version 1 only and carries no data: the listeners it gives are numbers from a range, nothing listens there. Prints
one JSON object per line: first the port it listens on, then every call as it comes, with the fields it knows, the numbers of
those it does not know, and the metadata `authorization`. Every line on stdin is answered by a mark after all calls so far;
the end of stdin ends it. Stubs must be importable (PYTHONPATH).
"""

import argparse
import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import scistream_pb2
import scistream_pb2_grpc
from google.protobuf.unknown_fields import UnknownFieldSet


def main():
    options = command_line().parse_args()
    server = grpc.server(ThreadPoolExecutor(max_workers=10))
    scistream_pb2_grpc.add_ControlServicer_to_server(Control(options), server)
    port = listen(server, options)
    server.start()
    show({"listening": port})
    for line in sys.stdin:
        show({"mark": line.strip()})
    # A req that waits for its Hello still holds its worker, as upstream's does: an orderly exit would wait for it.
    os._exit(0)


class RequestError(Exception):
    """Upstream raises such in a handler; on the wire it is UNKNOWN with "Exception calling application"."""


class Control(scistream_pb2_grpc.ControlServicer):
    def __init__(self, options):
        self.options = options
        first, last = options.port_range.split("-")
        self.ports = iter(range(int(first), int(last) + 1))
        self.lock = threading.Lock()
        self.sessions = {}

    def req(self, request, context):
        self.admit("req", request, context, role=request.role, num_conn=request.num_conn, rate=request.rate)
        time.sleep(self.options.req_after)
        if request.uid in self.sessions:
            raise RequestError("Entry already found for uid")
        listeners = self.reserve(request.num_conn)
        session = {"listeners": listeners, "prod_listeners": [], "hello_received": threading.Event()}
        self.sessions[request.uid] = session
        if not session["hello_received"].wait(self.options.timeout):
            self.sessions.pop(request.uid, None)
            raise RequestError("Hello not received within the timeout period")
        return scistream_pb2.Response(listeners=listeners, prod_listeners=session["prod_listeners"])

    def hello(self, request, context):
        self.admit("hello", request, context, role=request.role, prod_listeners=list(request.prod_listeners))
        # A Hello before its request ends here with a KeyError, as upstream's does.
        session = self.sessions[request.uid]
        if request.role == "PROD":
            session["prod_listeners"] = list(request.prod_listeners)
            reply = scistream_pb2.AppResponse(message="Sending Prod listeners...")
        else:
            reply = scistream_pb2.AppResponse(message="Sending listeners...", listeners=session["listeners"])
        session["hello_received"].set()
        return reply

    def update(self, request, context):
        targets = list(request.remote_listeners)
        self.admit("update", request, context, role=request.role, remote_listeners=targets)
        session = self.known(request.uid, context)
        session["targets"] = [targets[i % len(targets)] for i in range(len(session["listeners"]))]
        return scistream_pb2.Response(listeners=session["listeners"], prod_listeners=session["targets"])

    def release(self, request, context):
        self.admit("release", request, context)
        self.known(request.uid, context)
        self.sessions.pop(request.uid)
        return scistream_pb2.Response()

    def admit(self, call, request, context, **fields):
        """Writes the call down and, with --client_id, demands the token."""
        token = dict(context.invocation_metadata()).get("authorization")
        unknown = sorted({field.field_number for field in UnknownFieldSet(request)})
        show({"call": call, "uid": request.uid, **fields, "authorization": token, "unknown": unknown})
        if self.options.client_id and token != self.options.token:
            problem = "invalid" if token else "missing"
            details = f"Authentication token is {problem} for scope {self.options.client_id}"
            context.abort(grpc.StatusCode.UNAUTHENTICATED, details)

    def known(self, uid, context):
        if uid not in self.sessions:
            context.abort(grpc.StatusCode.NOT_FOUND, f"entry not found for uid '{uid}'")
        return self.sessions[uid]

    def reserve(self, num_conn):
        """As upstream: fewer than asked for, or none, when the range is used up."""
        with self.lock:
            return [f"{self.options.listener_ip}:{port}" for _, port in zip(range(num_conn), self.ports)]


printing = threading.Lock()


def show(line):
    with printing:
        print(json.dumps(line), flush=True)


def listen(server, options):
    address = f"127.0.0.1:{options.port}"
    if not options.ssl:
        return server.add_insecure_port(address)
    with open(options.server_key, "rb") as key, open(options.server_crt, "rb") as certificate:
        return server.add_secure_port(address, grpc.ssl_server_credentials([(key.read(), certificate.read())]))


def command_line():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--port_range", default="5100-5200")
    parser.add_argument("--listener_ip", default="127.0.0.1", help="shown in the listeners it gives")
    parser.add_argument("--server_crt", default="server.crt")
    parser.add_argument("--server_key", default="server.key")
    parser.add_argument("--ssl", type=lambda text: text != "False", default=True)
    parser.add_argument("--timeout", type=float, default=180, help="seconds that req waits for its Hello")
    parser.add_argument("--req_after", type=float, default=0, help="seconds until a req is seen: its Hello overtakes it")
    parser.add_argument("--client_id", help="scope of the token that every call must carry")
    parser.add_argument("--token", help="that token")
    return parser


if __name__ == "__main__":
    main()
