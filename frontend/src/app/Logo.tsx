/** A gate over water. */
export function Logo({ size = 22 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="7" fill="#17648f" />
      <g stroke="#fff" strokeWidth="2.6" strokeLinecap="round">
        <path d="M7 8h18M9 8v9M23 8v9M16 4.500v6.500" />
      </g>
      <rect x="12" y="11" width="8" height="5.500" rx="1" fill="#fff" />
      <path
        d="M7 22c3-2.400 6-2.400 9 0s6 2.400 9 0M7 26.500c3-2.400 6-2.400 9 0s6 2.400 9 0"
        stroke="#9fd4f2"
        strokeWidth="2.2"
        fill="none"
        strokeLinecap="round"
      />
    </svg>
  );
}
