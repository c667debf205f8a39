package main
import "context"
func serviceSection(ctx context.Context, a, b string) error { return nil }
