"""Proto."""
import asyncio, sys
import django
django.setup()
import uvloop
from bench import machine, servers
from bench.connects import *
from bench.people import people
from chat.database import in_database
import os

async def main() -> None:
    ps = await in_database(people, PEOPLE)
    for _ in range(2):
     for kind in ("netra", "plain"):
      with servers.web(kind, core=0) as s:
        print(kind, "bytes", await idle_bytes(s, ps))
        for _ in range(3):
          c0=machine.cpu_s(s.pid)
          print(kind, await connects_a_second(s, ps), "cpu a connect ms", (machine.cpu_s(s.pid)-c0)/CONNECTS*1000)

machine.pin(os.getppid(), [1])
uvloop.run(main())
