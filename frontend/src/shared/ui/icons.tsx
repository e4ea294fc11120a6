/** The app's own few icons: 24 units wide, strokes of 1.75, drawn for sizes from 16 to 28 pixels. */

interface Props {
  size?: number
}

function icon(...paths: string[]) {
  return function Icon({ size = 24 }: Props) {
    return (
      <svg
        width={size}
        height={size}
        viewBox="0 0 24 24"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.75"
        strokeLinecap="round"
        strokeLinejoin="round"
        aria-hidden="true"
      >
        {paths.map((path) => (
          <path key={path} d={path} />
        ))}
      </svg>
    )
  }
}

export const IconDashboard = icon('M4 4h6v8H4z', 'M4 16h6v4H4z', 'M14 12h6v8h-6z', 'M14 4h6v4h-6z')
export const IconBell = icon('M6 16.5V11a6 6 0 0 1 12 0v5.5l1.5 1.5h-15z', 'M10 21h4')
export const IconBellCheck = icon('M6 16.5V11a6 6 0 0 1 12 0v1', 'M13 18H4.5L6 16.5', 'M15 19l2 2 4-4')
export const IconPerson = icon(
  'M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18z',
  'M12 7a3 3 0 1 1 0 6 3 3 0 0 1 0-6z',
  'M6.2 18.8a7 7 0 0 1 11.6 0',
)
export const IconChevronRight = icon('M9 6l6 6-6 6')
export const IconChart = icon('M4 4v16h16', 'M7 14l4-5 3 3 5-6')
export const IconStore = icon(
  'M4 9l1.5-5h13L20 9',
  'M4 9a2.67 2.67 0 0 0 5.33 0 2.67 2.67 0 0 0 5.34 0A2.67 2.67 0 0 0 20 9',
  'M5 12v8h14v-8',
  'M10 20v-5h4v5',
)
export const IconFilterOff = icon('M8 4h12v2.5L15 12v1', 'M4 4l16 16', 'M5.5 8L9 12v7l6-2v-2')
export const IconThermometer = icon('M10 13.5V5a2 2 0 1 1 4 0v8.5a4 4 0 1 1-4 0z', 'M12 17V9')
export const IconBattery = icon('M4 8h13v8H4z', 'M20 11v2', 'M7.5 11v2', 'M10.5 11v2')
export const IconSignal = icon('M5 19v-3', 'M10 19v-7', 'M15 19V8', 'M20 19V4')
export const IconMap = icon('M9 4L3 6.5v13.5l6-2.5 6 2.5 6-2.5V4l-6 2.5z', 'M9 4v13.5', 'M15 6.5V20')
export const IconBuilding = icon(
  'M5 21V4h14v17',
  'M3 21h18',
  'M9 8h1',
  'M14 8h1',
  'M9 12h1',
  'M14 12h1',
  'M10 21v-5h4v5',
)
