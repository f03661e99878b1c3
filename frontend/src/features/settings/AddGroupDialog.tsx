import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { catalog } from "@/api/endpoints";
import { fieldProblem } from "@/api/errors";
import { FormDialog } from "./FormDialog";
import { SlugFields } from "./SlugFields";

export function AddGroupDialog({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const [form, setForm] = useState({ name: "", slug: "" });
  const save = useMutation({
    mutationFn: () => catalog.createGroup({ slug: form.slug, name: form.name.trim() }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ["groups"] });
      onClose();
    },
  });
  return (
    <FormDialog
      title="Add group"
      confirm="Add"
      pending={save.isPending}
      error={save.error}
      onSubmit={() => save.mutate()}
      onClose={onClose}
    >
      <SlugFields
        value={form}
        placeholder="Payments"
        onChange={(some) => setForm({ ...form, ...some })}
        problems={{ name: fieldProblem(save.error, "name"), slug: fieldProblem(save.error, "slug") }}
      />
    </FormDialog>
  );
}
