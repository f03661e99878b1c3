import { Button } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { Compass } from "lucide-react";
import { EmptyPanel } from "./EmptyPanel";
import { useTitle } from "./Page";

export function NotFound() {
  useTitle("Not found");
  return (
    <>
      <h1 className="visually-hidden">Not found</h1>
      <EmptyPanel
        icon={Compass}
        title="There is nothing here that you may see"
        action={
          <Button component={Link} to="/" variant="default">
            Back to the inbox
          </Button>
        }
      >
        The address may be wrong, the thing may be gone, or you have no access to its project. A project owner
        can add you.
      </EmptyPanel>
    </>
  );
}
