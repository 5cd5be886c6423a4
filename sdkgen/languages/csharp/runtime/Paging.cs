namespace LlmGateway;

using System;
using System.Collections.Generic;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;

/// <summary>One page of a list. <c>await foreach</c> over it gives this page's records and those of all that follow.</summary>
public sealed class Page<T> : IAsyncEnumerable<T>
{
    private readonly Func<CancellationToken, Task<Page<T>>>? _next;

    internal Page(IReadOnlyList<T> items, long? count, GatewayInfo gateway, Func<CancellationToken, Task<Page<T>>>? next)
    {
        Items = items;
        Count = count;
        Gateway = gateway;
        _next = next;
    }

    /// <summary>The records of this page.</summary>
    public IReadOnlyList<T> Items { get; }

    /// <summary>How many records there are on all pages; null where the API does not count.</summary>
    public long? Count { get; }

    /// <summary>What the gateway says about the answer.</summary>
    public GatewayInfo Gateway { get; }

    /// <summary>Whether another page follows.</summary>
    public bool HasNext => _next is not null;

    /// <summary>The page that follows.</summary>
    /// <exception cref="InvalidOperationException">None follows.</exception>
    public Task<Page<T>> Next(CancellationToken cancellation = default) =>
        _next is null ? throw new InvalidOperationException("This is the last page.") : _next(cancellation);

    /// <inheritdoc/>
    public IAsyncEnumerator<T> GetAsyncEnumerator(CancellationToken cancellationToken = default) =>
        All(cancellationToken).GetAsyncEnumerator(cancellationToken);

    private async IAsyncEnumerable<T> All([EnumeratorCancellation] CancellationToken cancellation)
    {
        var page = this;
        while (true)
        {
            foreach (var item in page.Items) yield return item;
            if (!page.HasNext) yield break;
            page = await page.Next(cancellation).ConfigureAwait(false);
        }
    }
}
