/** Short messages that do not interrupt: a small store that any module can write and one component shows. */

export type Toast = { id: number; message: string; title?: string; bad: boolean };

let toasts: readonly Toast[] = [];
let last = 0;
const listeners = new Set<() => void>();

function change(next: readonly Toast[]) {
  toasts = next;
  for (const tell of listeners) tell();
}

export const currentToasts = () => toasts;

export function subscribe(tell: () => void) {
  listeners.add(tell);
  return () => {
    listeners.delete(tell);
  };
}

export function dismiss(id: number) {
  change(toasts.filter((t) => t.id !== id));
}

/** Shows a message; it leaves by itself, a refusal stays longer than a confirmation. At most four are kept. */
export function show(message: string, { title, bad = false }: { title?: string; bad?: boolean } = {}) {
  last += 1;
  const id = last;
  change([...toasts.slice(-3), { id, message, bad, ...(title ? { title } : {}) }]);
  setTimeout(() => dismiss(id), bad ? 9_000 : 4_000);
}
