export function Logo() {
  return (
    <span className="logo">
      <svg viewBox="0 0 64 64" width="28" height="28" aria-hidden>
        <rect width="64" height="64" rx="15" fill="#1d5c46" />
        <g stroke="#f4f1e6" strokeWidth="5" strokeLinecap="round">
          <path d="M19 20v24M28 20v24M37 20v24M46 20v24" />
          <path d="M12 40 53 25" stroke="#f2b84b" />
        </g>
      </svg>
      <span>Tallybook</span>
    </span>
  );
}
