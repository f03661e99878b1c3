import { createFileRoute } from "@tanstack/react-router";
import { RepositoriesPage } from "@/features/settings/RepositoriesPage";

export const Route = createFileRoute("/_app/settings/repositories")({ component: RepositoriesPage });
