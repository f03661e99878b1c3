import type { Engine, Tls } from "@/api/types";

export const ENGINES: Record<Engine, string> = { postgres: "PostgreSQL", mysql: "MySQL", mariadb: "MariaDB" };
export const PORTS: Record<Engine, number> = { postgres: 5432, mysql: 3306, mariadb: 3306 };
export const TLS: { value: Tls; label: string }[] = [
  { value: "prefer", label: "Prefer: encrypted where the server can" },
  { value: "require", label: "Require: always encrypted" },
  { value: "verify-full", label: "Verify: encrypted, certificate and name checked" },
  { value: "disable", label: "Disable: never encrypted" },
];
