import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useRef, type ReactNode } from 'react';

interface VirtualListProps<Item> {
  label: string;
  items: readonly Item[];
  idOf: (item: Item) => string;
  /** One row, a link or a button within; it is given its place, not its size. */
  children: (item: Item) => ReactNode;
  /** Height of a row in pixels on a wide and on a narrow screen. */
  rowHeight: number;
  /** Scrolled into sight when it changes; the focus goes along when it is in the list. */
  selectedId?: string | null;
}

/** A list of which only the rows in sight exist. */
export function VirtualList<Item>({ label, items, idOf, children, rowHeight, selectedId = null }: VirtualListProps<Item>) {
  const scroller = useRef<HTMLDivElement>(null);
  const virtualizer = useVirtualizer({
    count: items.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    getItemKey: (index) => {
      const item = items[index];
      return item === undefined ? index : idOf(item);
    },
    overscan: 12,
  });
  const selected = selectedId === null ? -1 : items.findIndex((item) => idOf(item) === selectedId);

  useEffect(() => {
    virtualizer.measure();
  }, [virtualizer, rowHeight]);
  useEffect(() => {
    if (selected < 0) return;
    virtualizer.scrollToIndex(selected, { align: 'auto' });
    const list = scroller.current;
    if (list?.contains(document.activeElement)) list.querySelector<HTMLElement>(`[aria-posinset="${selected + 1}"] a`)?.focus({ preventScroll: true });
    // oxlint-disable-next-line react/exhaustive-deps -- only a new selection scrolls; a row that moves because of an edit does not.
  }, [selectedId]);

  return (
    <div className="list-scroll" ref={scroller} role="list" aria-label={label} tabIndex={-1}>
      <div style={{ height: virtualizer.getTotalSize(), position: 'relative' }} role="presentation">
        {virtualizer.getVirtualItems().map(({ index, key, start }) => {
          const item = items[index];
          return (
            item !== undefined && (
              <div
                key={key}
                role="listitem"
                aria-posinset={index + 1}
                aria-setsize={items.length}
                className="list-slot"
                style={{ height: rowHeight, transform: `translateY(${start}px)` }}
              >
                {children(item)}
              </div>
            )
          );
        })}
      </div>
    </div>
  );
}
