import { Kbd, Modal } from "@mantine/core";
import { useCommandList } from "./commands";
import classes from "./HelpOverlay.module.css";

const READING: [string, string][] = [
  ["Ctrl K", "Open the command palette"],
  ["j  k", "Next and previous row of a list"],
  ["Enter", "Open the row"],
  ["x", "Mark the row"],
  ["n  p", "Next and previous failure in a log"],
  ["Esc", "Close what is open"],
];

/** Every shortcut that works on this page, from the registry. */
export function HelpOverlay({ onClose }: { onClose: () => void }) {
  const commands = useCommandList().filter((c) => c.keys);
  const groups = [...new Set(commands.map((c) => c.group))];
  const rows = (items: [string, string][]) =>
    items.map(([keys, label]) => (
      <tr key={label}>
        <td>{label}</td>
        <td className={classes.keys}>
          {keys.split(/\s+/).map((k) => (
            <Kbd key={k}>{k}</Kbd>
          ))}
        </td>
      </tr>
    ));
  return (
    <Modal opened onClose={onClose} title="Keyboard shortcuts" size="lg">
      <div className={classes.columns}>
        {groups.map((group) => (
          <section key={group}>
            <h3 className={classes.group}>{group}</h3>
            <table className={classes.table}>
              <tbody>
                {rows(commands.filter((c) => c.group === group).map((c) => [c.keys ?? "", c.label]))}
              </tbody>
            </table>
          </section>
        ))}
        <section>
          <h3 className={classes.group}>Everywhere</h3>
          <table className={classes.table}>
            <tbody>{rows(READING)}</tbody>
          </table>
        </section>
      </div>
    </Modal>
  );
}
