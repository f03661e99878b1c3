import { createFileRoute } from "@tanstack/react-router";
import { DatabasePage } from "@/features/databases/DatabasePage";

export const Route = createFileRoute("/_app/databases/$databaseId")({ component: DatabasePage });
