"""Batches out of the requests of many callers."""
import asyncio
import collections
import time
from collections.abc import Callable
from typing import Any

from .errors import Error


class _Request:
    def __init__(self, items: list[Any]):
        self.items = items
        self.begin = time.monotonic()
        self.done: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()


class Batcher:
    """Calls `run` with the items of several requests at once, in a thread, one call after another.

    While a call is under way, requests wait; the next call has as many of them as `max_batch` items hold, or, if they
    are fewer, those that have come within `max_delay` seconds of the first. `told(items, waited, computed)` is called
    after each call, with seconds. Belongs to the event loop that it is first used in.
    """

    def __init__(self, run: Callable[[list[Any]], list[Any]], *, max_batch: int = 16, max_delay: float = 0.002,
                 max_waiting: int = 1024, told: Callable[[int, float, float], None] | None = None):
        self._run, self._told = run, told
        self._max_batch, self._max_delay, self._max_waiting = max_batch, max_delay, max_waiting
        self._waiting: collections.deque[_Request] = collections.deque()
        self._num_waiting = 0
        self._arrived = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None

    async def submit(self, items: list[Any]) -> list[Any]:
        """The results of `run` for these items. Raises Error "out_of_memory" if too many are waiting.

        A caller that is cancelled takes its items away, unless they are being run.
        """
        if self._num_waiting + len(items) > self._max_waiting:
            raise Error(f"{self._num_waiting} images are waiting, of at most {self._max_waiting}", "out_of_memory")
        request = _Request(items)
        self._waiting.append(request)
        self._num_waiting += len(items)
        self._arrived.set()
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())
        return await request.done

    async def _work(self) -> None:
        while True:
            batch = await self._next_batch()
            if batch:
                await self._run_batch(batch)

    async def _next_batch(self) -> list[_Request]:
        self._arrived.clear()
        if not self._waiting:
            await self._arrived.wait()
        await self._fill()
        batch: list[_Request] = []
        count = 0
        while self._waiting and (not batch or count + len(self._waiting[0].items) <= self._max_batch):
            request = self._waiting.popleft()
            self._num_waiting -= len(request.items)
            if not request.done.cancelled():
                batch.append(request)
                count += len(request.items)
        return batch

    async def _fill(self) -> None:
        """Waits until a batch is full, or the first request has waited long enough."""
        end = self._waiting[0].begin + self._max_delay
        while self._num_waiting < self._max_batch and (left := end - time.monotonic()) > 0:
            self._arrived.clear()
            try:
                await asyncio.wait_for(self._arrived.wait(), left)
            except asyncio.TimeoutError:
                return

    async def _run_batch(self, batch: list[_Request]) -> None:
        items = [item for request in batch for item in request.items]
        begin = time.monotonic()
        try:
            results = await asyncio.to_thread(self._run, items)
        except Exception as error:  # whatever it is, the callers are told
            for request in batch:
                if not request.done.done():
                    request.done.set_exception(error)
            return
        if self._told:
            self._told(len(items), begin - batch[0].begin, time.monotonic() - begin)
        position = 0
        for request in batch:
            end = position + len(request.items)
            if not request.done.done():
                request.done.set_result(results[position:end])
            position = end
