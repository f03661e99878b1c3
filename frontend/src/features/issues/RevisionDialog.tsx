import { Modal, Skeleton } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ComponentProps } from "react";
import { releaseQuery } from "@/api/queries";
import { QueryGate } from "@/shared/ui/QueryGate";
import { RevisionEditor } from "./RevisionEditor";

type Props = Omit<ComponentProps<typeof RevisionEditor>, "release"> & { title: string; releaseId: number };

/** Edits a release's SQL; does not close by accident. */
export function RevisionDialog({ title, releaseId, ...rest }: Props) {
  const release = useQuery(releaseQuery(releaseId));
  return (
    <Modal
      opened
      onClose={rest.onClose}
      title={title}
      size={860}
      closeOnEscape={false}
      closeOnClickOutside={false}
    >
      <QueryGate query={release} skeleton={<Skeleton h={240} />}>
        {(data) => <RevisionEditor {...rest} release={data} />}
      </QueryGate>
    </Modal>
  );
}
