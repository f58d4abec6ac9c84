"""Async iterators that are closed when their reader stops early."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

T = TypeVar("T")


class Stopped(Exception):
    """A person wants the best answer so far."""


@asynccontextmanager
async def closing(iterator: AsyncIterator[T]) -> AsyncIterator[AsyncIterator[T]]:
    """Give out `iterator` and close it at the end, so that what it holds is released at once."""
    try:
        yield iterator
    finally:
        if isinstance(iterator, AsyncGenerator):
            await iterator.aclose()


async def until(stop: asyncio.Event, iterator: AsyncIterator[T]) -> AsyncIterator[T]:
    """Yield what `iterator` gives until `stop` is set; raises `Stopped` then."""
    stopped = asyncio.ensure_future(stop.wait())
    step: asyncio.Future[T | None] | None = None
    try:
        while True:
            step = asyncio.ensure_future(_next(iterator))
            await asyncio.wait({step, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not step.done():
                raise Stopped
            item = step.result()
            if item is None:
                return
            yield item
    finally:
        stopped.cancel()
        if step is not None and not step.done():
            step.cancel()
            await asyncio.wait({step})


async def _next(iterator: AsyncIterator[T]) -> T | None:
    return await anext(iterator, None)
