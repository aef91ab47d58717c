"""Everything that tests the package: unit (no waiting), journey (embedded broker), broker (real ones)."""
