"""Lists that come in pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .meta import GatewayInfo

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Iterator, Mapping, Sequence

    from .client import AsyncClient, Client
    from .core import Op

T = TypeVar("T")


class _Page(Generic[T]):
    """`items` of this page; `total` of all pages, None when the server does not count them."""

    def __init__(
        self, client: Any, op: Op, args: Sequence[object], params: Mapping[str, Any], raw: Any, info: GatewayInfo
    ) -> None:
        assert op.page is not None
        self._client, self._op, self._args, self._params, self._raw = client, op, args, params, raw
        kind, items, self._next, more = op.page
        said = op.answer if isinstance(op.answer, str) else ""
        made = op.decoder_of(said, client.settings.types)
        self.items: list[T] = [one if made is None else made(one) for one in raw.get(items) or ()]
        self.gateway = info
        self.has_more = bool(raw.get(more))
        self.total: int | None = raw.get("count")
        self._kind, self._ids = kind, [one.get("id") for one in raw.get(items) or () if isinstance(one, dict)]

    def __len__(self) -> int:
        return len(self.items)

    def _following(self) -> dict[str, Any] | None:
        """The arguments of the next page."""
        if not self.has_more:
            return None
        if self._kind == "page":
            return {**self._params, self._next: int(self._params.get(self._next) or 1) + 1}
        return {**self._params, self._next: self._ids[-1]} if self._ids else None

    def to_dict(self) -> dict[str, Any]:
        return dict(self._raw)


class Page(_Page[T]):
    """Iterating goes on over all further pages, each fetched when it is reached."""

    _client: Client

    def next_page(self) -> Page[T] | None:
        following = self._following()
        return None if following is None else self._client.page(self._op, self._args, following)

    def pages(self) -> Iterator[Page[T]]:
        page: Page[T] | None = self
        while page is not None:
            yield page
            page = page.next_page()

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            yield from page.items


class AsyncPage(_Page[T]):
    """As `Page`, with `async for`."""

    _client: AsyncClient

    async def next_page(self) -> AsyncPage[T] | None:
        following = self._following()
        return None if following is None else await self._client.fetch_page(self._op, self._args, following)

    async def __aiter__(self) -> AsyncIterator[T]:
        page: AsyncPage[T] | None = self
        while page is not None:
            for item in page.items:
                yield item
            page = await page.next_page()


class AsyncPages(Generic[T]):
    """What an asynchronous `list` gives: `await` it for the first page, or iterate with `async for` over everything."""

    def __init__(self, client: AsyncClient, op: Op, args: Sequence[object], params: Mapping[str, Any]) -> None:
        self._client, self._op, self._args, self._params = client, op, args, params

    def __await__(self) -> Generator[Any, None, AsyncPage[T]]:
        fetched: Generator[Any, None, AsyncPage[T]] = self._client.fetch_page(
            self._op, self._args, self._params
        ).__await__()
        return fetched

    async def __aiter__(self) -> AsyncIterator[T]:
        async for item in await self:
            yield item
