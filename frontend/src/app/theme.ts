import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from "@mantine/core";

/** The colour of deep, moving water: calm, and 5:1 on white where it carries text. */
const water: MantineColorsTuple = [
  "#eaf4fa",
  "#d5e8f3",
  "#aed2e8",
  "#84bbdc",
  "#62a8d2",
  "#4798c6",
  "#2f86b7",
  "#17648f",
  "#14567c",
  "#0f4260",
];

/** Dark surfaces with a trace of the same blue, so that inputs and panels belong together. */
const dark: MantineColorsTuple = [
  "#dfe5ea",
  "#b4bfca",
  "#9ba7b3",
  "#7b8794",
  "#3d4751",
  "#303841",
  "#1e242a",
  "#181d22",
  "#14181c",
  "#101418",
];

export const theme = createTheme({
  colors: { water, dark },
  primaryColor: "water",
  primaryShade: { light: 7, dark: 8 },
  defaultRadius: "sm",
  autoContrast: true,
  cursorType: "pointer",
  respectReducedMotion: true,
  fontFamily: '"Inter Variable", Inter, system-ui, -apple-system, "Segoe UI", sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace',
  fontSizes: { xs: "0.75rem", sm: "0.8125rem", md: "0.875rem", lg: "1rem", xl: "1.125rem" },
  spacing: { xs: "0.5rem", sm: "0.75rem", md: "1rem", lg: "1.25rem", xl: "2rem" },
  headings: {
    fontWeight: "620",
    sizes: {
      h1: { fontSize: "1.25rem", lineHeight: "1.35" },
      h2: { fontSize: "0.9375rem", lineHeight: "1.4" },
      h3: { fontSize: "0.875rem", lineHeight: "1.4" },
    },
  },
  // Plain objects: `Component.extend` would pull every component named here into the first chunk.
  components: {
    ActionIcon: { defaultProps: { variant: "subtle", color: "gray", size: 30 } },
    Button: {
      defaultProps: { size: "xs" },
      vars: (_theme: unknown, props: { size?: string | number }) =>
        props.size === "xs"
          ? { root: { "--button-fz": "0.8125rem", "--button-height": "30px" } }
          : { root: {} },
      styles: { label: { fontWeight: 550 } },
    },
    Input: { defaultProps: { size: "xs" } },
    Menu: {
      defaultProps: { shadow: "md", position: "bottom-end", withinPortal: true },
      styles: { dropdown: { background: "var(--surface-raised)" } },
    },
    Modal: {
      // A dialog's header is no banner of the page.
      defaultProps: {
        centered: false,
        yOffset: "10vh",
        overlayProps: { backgroundOpacity: 0.4 },
        closeButtonProps: { "aria-label": "Close" },
        attributes: { header: { role: "none" } },
      },
      styles: {
        title: { fontWeight: 620, fontSize: "0.9375rem" },
        content: { background: "var(--surface-raised)" },
        header: { background: "var(--surface-raised)" },
      },
    },
    Popover: {
      defaultProps: { shadow: "md" },
      styles: { dropdown: { background: "var(--surface-raised)" } },
    },
    Tooltip: { defaultProps: { openDelay: 300, withArrow: true, multiline: true, maw: 320 } },
  },
});

/** Mantine's own dimmed and light-variant text miss WCAG AA (3.3:1); these shades reach it. */
const COLOURS = ["gray", "blue", "green", "red", "yellow", "orange", "water"];
const lightText = (shade: number) =>
  Object.fromEntries(
    COLOURS.map((c) => [`--mantine-color-${c}-light-color`, `var(--mantine-color-${c}-${shade})`]),
  );

export const cssVariablesResolver: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    ...lightText(9),
    "--mantine-color-green-light-color": "#1d5c2a",
    "--mantine-color-yellow-light-color": "#7a4a00",
    "--mantine-color-orange-light-color": "#8a3b00",
    "--mantine-color-red-light-color": "#a51111",
    "--mantine-color-red-filled": "#c22525",
    "--mantine-color-red-filled-hover": "#a51f1f",
    "--mantine-color-dimmed": "#5a6470",
    "--mantine-color-text": "#1b2229",
    "--mantine-color-placeholder": "#5f6b78",
    "--mantine-color-error": "#b3261e",
    "--mantine-color-default-border": "#dde2e7",
    "--mantine-color-anchor": "var(--mantine-color-water-7)",
  },
  dark: {
    ...lightText(2),
    "--mantine-color-red-filled": "#c22525",
    "--mantine-color-red-filled-hover": "#a51f1f",
    "--mantine-color-body": "#181d22",
    "--mantine-color-text": "#dfe5ea",
    "--mantine-color-dimmed": "#9ba7b3",
    "--mantine-color-placeholder": "#8f9ba7",
    "--mantine-color-error": "#ff8f87",
    "--mantine-color-default": "#1c2127",
    "--mantine-color-default-hover": "#242a31",
    "--mantine-color-default-border": "#303841",
    "--mantine-color-anchor": "var(--mantine-color-water-3)",
  },
});
