import { TextInput } from "@mantine/core";
import { slugify } from "@/features/instances/connection";
import classes from "./Settings.module.css";

type Value = { name: string; slug: string };
type Props = {
  value: Value;
  onChange: (some: Partial<Value>) => void;
  editing?: boolean;
  problems?: { name?: string | undefined; slug?: string | undefined };
  placeholder?: string;
};

/** Name and slug; until it is typed by hand, the slug follows the name. */
export function SlugFields({ value, onChange, editing = false, problems = {}, placeholder }: Props) {
  return (
    <div className={classes.pair}>
      <TextInput
        label="Name"
        placeholder={placeholder}
        data-autofocus
        value={value.name}
        error={problems.name}
        onChange={(e) => {
          const name = e.currentTarget.value;
          const follows = !editing && value.slug === slugify(value.name);
          onChange({ name, ...(follows ? { slug: slugify(name) } : {}) });
        }}
      />
      <TextInput
        label={editing ? "Slug, cannot be changed" : "Slug"}
        readOnly={editing}
        value={value.slug}
        error={problems.slug}
        onChange={(e) => onChange({ slug: e.currentTarget.value })}
      />
    </div>
  );
}
