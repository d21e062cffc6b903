/** The id of a record that is made here, on whichever device that is. */
export function newId(): string {
  return crypto.randomUUID();
}
