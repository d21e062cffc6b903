import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useRef, type KeyboardEvent, type ReactNode } from 'react';

interface VirtualListProps<Item> {
  label: string;
  items: readonly Item[];
  idOf: (item: Item) => string;
  /** One row, a link or a button within; it is given its place, not its size. */
  children: (item: Item) => ReactNode;
  /** Height of a row in pixels on a wide and on a narrow screen. */
  rowHeight: number;
  /** Scrolled into sight when it changes. */
  selectedId?: string | null;
  /** Arrow keys within the list ask for the neighbour of the selected row. */
  onMove?: (item: Item) => void;
}

/** A list of which only the rows in sight exist. */
export function VirtualList<Item>({ label, items, idOf, children, rowHeight, selectedId = null, onMove }: VirtualListProps<Item>) {
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
    if (selected >= 0) virtualizer.scrollToIndex(selected, { align: 'auto' });
    // oxlint-disable-next-line react/exhaustive-deps -- only a new selection scrolls; a row that moves because of an edit does not.
  }, [selectedId]);

  const onKeyDown = (event: KeyboardEvent) => {
    if (onMove === undefined || (event.key !== 'ArrowDown' && event.key !== 'ArrowUp')) return;
    const next = items[Math.max(0, selected + (event.key === 'ArrowDown' ? 1 : -1))];
    if (next === undefined) return;
    event.preventDefault();
    onMove(next);
  };
  return (
    <div className="list-scroll" ref={scroller} onKeyDown={onKeyDown} role="list" aria-label={label} tabIndex={-1}>
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
