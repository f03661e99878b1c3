import { NumberInput, PasswordInput, Select, Stack, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { environmentsQuery } from "@/api/queries";
import type { Engine, Tls } from "@/api/types";
import type { Connection } from "./connection";
import { slugify, switchEngine } from "./connection";
import { EXPERIMENTAL } from "./EngineName";
import { ENGINES, TLS } from "./engines";
import classes from "./Instances.module.css";

type Props = {
  value: Connection;
  onChange: (some: Partial<Connection>) => void;
  problems: Partial<Record<keyof Connection, string | undefined>>;
  editing?: boolean;
  hasPassword?: boolean;
};

/** The fields of a connection, shared by adding and editing. The password is only ever written. */
export function ConnectionFields({ value, onChange, problems, editing = false, hasPassword = false }: Props) {
  const environments = useQuery(environmentsQuery);
  return (
    <Stack gap="sm">
      <div className={classes.pair}>
        <TextInput
          label="Name"
          placeholder="Shop production"
          value={value.name}
          onChange={(e) => {
            const name = e.currentTarget.value;
            const follows = !editing && value.slug === slugify(value.name);
            onChange({ name, ...(follows ? { slug: slugify(name) } : {}) });
          }}
        />
        <TextInput
          label={editing ? "Slug, cannot be changed" : "Slug"}
          placeholder="shop-production"
          readOnly={editing}
          value={value.slug}
          error={problems.slug}
          onChange={(e) => onChange({ slug: e.currentTarget.value })}
        />
      </div>
      {!editing && (
        <div className={classes.pair}>
          <Select
            label="Engine"
            allowDeselect={false}
            data={Object.entries(ENGINES).map(([engine, label]) => ({
              value: engine,
              label: engine === "mysql" ? `${label} (experimental)` : label,
            }))}
            value={value.engine}
            description={value.engine === "mysql" ? EXPERIMENTAL : undefined}
            inputWrapperOrder={["label", "input", "description", "error"]}
            onChange={(engine) => engine && onChange(switchEngine(value, engine as Engine))}
          />
          <Select
            label="Environment"
            placeholder="Choose one"
            allowDeselect={false}
            data={environments.data?.map((e) => ({ value: e.slug, label: e.name })) ?? []}
            value={value.environment || null}
            error={problems.environment}
            onChange={(environment) => environment && onChange({ environment })}
          />
        </div>
      )}
      <div className={classes.host}>
        <TextInput
          label="Host"
          placeholder="db.example.com"
          value={value.host}
          error={problems.host}
          onChange={(e) => onChange({ host: e.currentTarget.value })}
        />
        <NumberInput
          label="Port"
          min={1}
          max={65_535}
          hideControls
          value={value.port}
          error={problems.port}
          onChange={(port) => onChange({ port })}
        />
      </div>
      <div className={classes.pair}>
        <TextInput
          label="User name"
          autoComplete="off"
          value={value.username}
          error={problems.username}
          onChange={(e) => onChange({ username: e.currentTarget.value })}
        />
        <PasswordInput
          label="Password"
          autoComplete="new-password"
          placeholder={hasPassword ? "Stored; type to replace it" : undefined}
          value={value.password}
          error={problems.password}
          onChange={(e) => onChange({ password: e.currentTarget.value })}
          visibilityToggleButtonProps={{ "aria-label": "Show password" }}
        />
      </div>
      <Select
        label="TLS"
        allowDeselect={false}
        data={TLS}
        value={value.tls}
        onChange={(tls) => tls && onChange({ tls: tls as Tls })}
      />
      <div className={classes.pair}>
        {value.engine === "postgres" && (
          <TextInput
            label="Maintenance database"
            description="Connected to for what concerns the whole server"
            value={value.maintenance}
            onChange={(e) => onChange({ maintenance: e.currentTarget.value })}
          />
        )}
        <NumberInput
          label="Tasks at once"
          description="At most, on this server"
          min={1}
          max={64}
          value={value.limit}
          error={problems.limit}
          onChange={(limit) => onChange({ limit })}
        />
      </div>
    </Stack>
  );
}
