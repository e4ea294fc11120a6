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
export const IconBellOff = icon(
  'M4 4l16 16',
  'M7.6 6.9A6 6 0 0 0 6 11v5.5L4.5 18H18',
  'M10.3 5.25A6 6 0 0 1 18 11v3.5',
  'M10 21h4',
)
export const IconRules = icon('M4 9h2.5', 'M9 9h2.5', 'M14 9h2.5', 'M19 9h1', 'M4 18c4 0 4.5-13 8-13s3.5 9 8 9')
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
export const IconPeople = icon(
  'M9 5a3 3 0 1 1 0 6 3 3 0 0 1 0-6z',
  'M3 19a6 6 0 0 1 12 0',
  'M16 5.5a3 3 0 0 1 0 5.2',
  'M17.5 14.2A6 6 0 0 1 21 19',
)
export const IconKey = icon('M8 11a4 4 0 1 1 0 8 4 4 0 0 1 0-8z', 'M10.8 12.2L20 3', 'M16 7l3 3')
export const IconRefused = icon('M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18z', 'M5.8 5.8l12.4 12.4')
export const IconHistory = icon('M4 4v5h5', 'M4.6 9A8 8 0 1 1 4 12', 'M12 8v4.5l3 2')
export const IconSettings = icon(
  'M4 7h9',
  'M17 7h3',
  'M15 5v4',
  'M4 12h3',
  'M11 12h9',
  'M9 10v4',
  'M4 17h10',
  'M18 17h2',
  'M16 15v4',
)
export const IconMore = icon('M4 7h16', 'M4 12h16', 'M4 17h16')
export const IconPlus = icon('M12 5v14', 'M5 12h14')
export const IconLock = icon('M6 11h12v9H6z', 'M8.5 11V8a3.5 3.5 0 0 1 7 0v3')
export const IconCheck = icon('M5 12.5l4.5 4.5L19 7')
export const IconChevronLeft = icon('M15 6l-6 6 6 6')
export const IconMinus = icon('M5 12h14')
export const IconUndo = icon('M9 14L4 9l5-5', 'M4 9h10a6 6 0 0 1 0 12h-3')
export const IconCalendar = icon('M4 6h16v14H4z', 'M4 10.5h16', 'M8.5 3.5V8', 'M15.5 3.5V8')
export const IconTable = icon('M4 5h16v14H4z', 'M4 10h16', 'M4 14.5h16', 'M10 10v9')
export const IconChevronDown = icon('M6 9l6 6 6-6')
export const IconCopy = icon('M9 9h11v11H9z', 'M5 15H4V4h11v1')
export const IconDownload = icon('M12 4v11', 'M7.5 11l4.5 4.5 4.5-4.5', 'M5 20h14')
export const IconSend = icon('M20 4L3.5 10.5l6.5 3 3 6.5z', 'M10 13.5L20 4')
export const IconEscalate = icon('M4 19h4v-4h4v-4h4V7h4', 'M16 3h4v4')
export const IconShield = icon('M12 3l7 3v5c0 4.6-2.9 8.2-7 10-4.1-1.8-7-5.4-7-10V6z')
export const IconPhone = icon(
  'M5 4h4l1.5 4.5L8 10.2a12 12 0 0 0 5.8 5.8l1.7-2.5L20 15v4a1.5 1.5 0 0 1-1.5 1.5A15 15 0 0 1 3.5 5.5 1.5 1.5 0 0 1 5 4z',
)
export const IconMessage = icon('M4 5h16v11H10l-4.5 4v-4H4z', 'M8 9.5h8', 'M8 12.5h5')
export const IconDevice = icon('M7 3h10v18H7z', 'M11 18h2')
export const IconArrowUp = icon('M12 19V5', 'M6 11l6-6 6 6')
export const IconArrowDown = icon('M12 5v14', 'M6 13l6 6 6-6')
export const IconClose = icon('M6 6l12 12', 'M18 6L6 18')
export const IconInbox = icon('M6.5 5h11l3 8v6h-17v-6z', 'M3.5 13H9a3 3 0 0 0 6 0h5.5')
export const IconMail = icon('M4 6h16v12H4z', 'M4 7l8 6 8-6')
export const IconDots = icon(
  'M12 5a.6.6 0 1 1 0 1.2A.6.6 0 0 1 12 5z',
  'M12 11.4a.6.6 0 1 1 0 1.2.6.6 0 0 1 0-1.2z',
  'M12 17.8a.6.6 0 1 1 0 1.2.6.6 0 0 1 0-1.2z',
)
