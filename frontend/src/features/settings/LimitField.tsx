import { NumberInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { catalog } from "@/api/endpoints";
import type { EnvironmentOut } from "@/api/types";
import { say, sayError } from "@/shared/ui/say";

type Props = { environment: EnvironmentOut; mayEdit: boolean };

/** How many tasks an environment runs at once, on all its instances together; empty is no limit. Saved when it is left. */
export function LimitField({ environment, mayEdit }: Props) {
  const client = useQueryClient();
  const [value, setValue] = useState<number | string>(environment.max_running_tasks ?? "");
  const wanted = value === "" ? null : Number(value);
  const wrong = wanted !== null && (!Number.isInteger(wanted) || wanted < 1 || wanted > 10_000);
  const save = useMutation({
    mutationFn: () =>
      catalog.patchEnvironment(environment.slug, environment.version, { max_running_tasks: wanted }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ["environments"] });
      say(
        wanted === null ? `${environment.name} has no limit.` : `${environment.name} runs ${wanted} at once.`,
      );
    },
    onError: sayError,
  });
  const leave = () => {
    if (!wrong && wanted !== environment.max_running_tasks) save.mutate();
  };
  return (
    <NumberInput
      aria-label={`Tasks at once in ${environment.name}`}
      placeholder="No limit"
      w={120}
      min={1}
      max={10_000}
      allowDecimal={false}
      readOnly={!mayEdit}
      suffix=" at once"
      value={value}
      error={wrong ? "1 to 10,000" : undefined}
      onChange={setValue}
      onBlur={leave}
      onKeyDown={(event) => event.key === "Enter" && leave()}
    />
  );
}
