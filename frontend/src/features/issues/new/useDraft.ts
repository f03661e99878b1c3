import { useEffect, useState } from "react";
import { DRAFT_KEY, type Draft, emptyDraft, isBlank, readDraft } from "../draft";

/** The draft, kept in the browser at every keystroke: closing the tab loses nothing. */
export function useDraft() {
  const [draft, setDraft] = useState<Draft>(() => readDraft(localStorage.getItem(DRAFT_KEY)));
  useEffect(() => {
    if (isBlank(draft) && !draft.project) localStorage.removeItem(DRAFT_KEY);
    else localStorage.setItem(DRAFT_KEY, JSON.stringify(draft));
  }, [draft]);
  const change = (some: Partial<Draft>) => setDraft((old) => ({ ...old, ...some }));
  const clear = () => {
    localStorage.removeItem(DRAFT_KEY);
    setDraft(emptyDraft());
  };
  return { draft, change, clear };
}
