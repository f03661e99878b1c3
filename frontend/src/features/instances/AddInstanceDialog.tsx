import { Button, Group, Modal, Stack } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { PlugZap } from "lucide-react";
import { useState } from "react";
import { catalog } from "@/api/endpoints";
import { fieldProblem } from "@/api/errors";
import { ErrorPanel } from "@/shared/ui/ErrorPanel";
import { say } from "@/shared/ui/say";
import { ConnectionFields } from "./ConnectionFields";
import { blank, type Connection, connectionProblems, toNew } from "./connection";
import { TestSteps } from "./TestSteps";

/** Add a server: tested first, so that what is saved is known to work. */
export function AddInstanceDialog({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const [form, setForm] = useState<Connection>(blank());
  const [asked, setAsked] = useState(false);
  const gaps = connectionProblems(form);
  const test = useMutation({ mutationFn: () => catalog.testNewInstance(toNew(form)) });
  const save = useMutation({
    mutationFn: () => catalog.createInstance(toNew(form)),
    onSuccess: async (instance) => {
      await client.invalidateQueries({ queryKey: ["instances"] });
      say(`Added ${instance.name}.`);
      await navigate({ to: "/instances/$slug", params: { slug: instance.slug } });
    },
  });
  const error = save.error ?? test.error;
  const problems = {
    ...Object.fromEntries(
      (["slug", "environment", "host", "port", "username", "password"] as const).map((f) => [
        f,
        fieldProblem(error, f),
      ]),
    ),
    ...(asked ? gaps : {}),
  };
  const change = (some: Partial<Connection>) => {
    setForm({ ...form, ...some });
    test.reset();
    save.reset();
  };
  const ready = () => {
    setAsked(true);
    return Object.keys(gaps).length === 0;
  };
  const works = test.data?.reachable && test.data.authenticated;
  return (
    <Modal opened onClose={onClose} title="Add instance" size="lg" closeOnClickOutside={false}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (!ready()) return;
          if (works) save.mutate();
          else test.mutate();
        }}
      >
        <Stack gap="md">
          <ConnectionFields value={form} onChange={change} problems={problems} />
          {test.data && <TestSteps test={test.data} />}
          {error && <ErrorPanel error={error} />}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Back
            </Button>
            {test.data && !works && (
              <Button variant="default" loading={save.isPending} onClick={() => ready() && save.mutate()}>
                Save anyway
              </Button>
            )}
            {works && (
              <Button variant="default" loading={test.isPending} onClick={() => test.mutate()}>
                Test again
              </Button>
            )}
            <Button
              type="submit"
              loading={test.isPending || save.isPending}
              leftSection={works ? undefined : <PlugZap size={14} aria-hidden />}
            >
              {works ? "Save" : "Test connection"}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
