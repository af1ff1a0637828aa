"""A function for the platform's tests: does what the last word of its path says."""

import asyncio
import json
import os

from vercel_runtime import get_deadline

gate = asyncio.Event()
crons = []


async def act(word, answer):
    if word == "open":
        gate.set()
    elif word == "hang":
        await asyncio.Event().wait()
    elif word == "spawn":
        answer["child"] = (await asyncio.create_subprocess_exec("sleep", "60")).pid
    elif word == "die":
        os._exit(3)
    elif word == "speak":
        print("one ", end="")
        print("line")


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    word = scope["path"].rsplit("/", 1)[-1]
    body = b""
    while (message := await receive()).get("more_body"):
        body += message["body"]
    body += message.get("body", b"")
    answer = {
        "pid": os.getpid(),
        "target": scope["raw_path"].decode() + "?" + scope["query_string"].decode(),
        "headers": {name.decode(): value.decode() for name, value in scope["headers"]},
        "deadline": get_deadline().isoformat(),
        "received": len(body),
        "crons": crons,
    }
    if "vercel-cron" in answer["headers"].get("user-agent", ""):
        crons.append(answer["headers"])
    await act(word, answer)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-toy", b"yes")]})
    if word == "stream":
        gate.clear()
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await gate.wait()
        await send({"type": "http.response.body", "body": b"second", "more_body": True})
        await send({"type": "http.response.body"})
    elif word == "gone":
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await receive()
        gate.set()
    elif word == "wait":
        await gate.wait()
        await send({"type": "http.response.body", "body": b"{}"})
    else:
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})
    if word == "linger":
        await asyncio.Event().wait()
