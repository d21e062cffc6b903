/** The page's address names the workspace (`/w/acme/expenses`), so that two tabs can work in two of them. */
export function workspacePath(workspaceId: string): string {
  return `/w/${encodeURIComponent(workspaceId)}`;
}

/** The workspace in an address; null where it names none. */
export function workspaceIn(location: string): string | null {
  const segment = /^\/w\/([^/]+)/u.exec(location)?.[1];
  if (segment === undefined) return null;
  try {
    return decodeURIComponent(segment);
  } catch {
    return null;
  }
}
