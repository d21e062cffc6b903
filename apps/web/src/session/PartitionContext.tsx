import { QueryClientProvider } from '@tanstack/react-query';
import { OfflineProvider } from 'offline-react';
import { createContext, use, type ReactNode } from 'react';
import type { Partition } from './partition.ts';

const PartitionContext = createContext<Partition | null>(null);

export function PartitionProvider({ partition, children }: { partition: Partition; children: ReactNode }) {
  return (
    <PartitionContext value={partition}>
      <QueryClientProvider client={partition.queryClient}>
        <OfflineProvider client={partition.client}>{children}</OfflineProvider>
      </QueryClientProvider>
    </PartitionContext>
  );
}

export function usePartition(): Partition {
  const partition = use(PartitionContext);
  if (partition === null) throw new Error('BUG: this component is for a signed-in person');
  return partition;
}
