import { Button } from "@mantine/core";
import { ArrowUp } from "lucide-react";

/** `3 new – show`: the list grows when the reader says so. */
export function NewcomersBar({ count, onShow }: { count: number; onShow: () => void }) {
  return (
    <output>
      <Button variant="light" fullWidth leftSection={<ArrowUp size={14} aria-hidden />} onClick={onShow}>
        {count} new – show
      </Button>
    </output>
  );
}
