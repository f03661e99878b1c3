import { Button, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { readCode } from "./code";

/** Asks for the code that the terminal shows. */
export function CodeForm({ onCode }: { onCode: (code: string) => void }) {
  const [typed, setTyped] = useState("");
  const [asked, setAsked] = useState(false);
  const code = readCode(typed);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setAsked(true);
    if (code) onCode(code);
  };
  return (
    <form onSubmit={submit} noValidate>
      <TextInput
        label="Code"
        description="The terminal shows it: eight letters, like BCDF-GHJK."
        autoComplete="off"
        autoCapitalize="characters"
        spellCheck={false}
        autoFocus
        value={typed}
        error={asked && !code && "A code has eight letters, without vowels."}
        onChange={(e) => setTyped(e.currentTarget.value)}
      />
      <Button type="submit" fullWidth mt={12}>
        Continue
      </Button>
    </form>
  );
}
