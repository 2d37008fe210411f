package cluster

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// nodeIsReady says whether a node reports Ready.
func (c *Cluster) nodeIsReady(client *http.Client, name string) func() error {
	return func() error {
		response, err := client.Get(c.APIServer() + "/api/v1/nodes/" + name)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("node %s: %s", name, response.Status)
		}
		var node struct {
			Status struct {
				Conditions []struct{ Type, Status, Message string }
			}
		}
		if err := json.NewDecoder(response.Body).Decode(&node); err != nil {
			return fmt.Errorf("node %s: %w", name, err)
		}
		for _, condition := range node.Status.Conditions {
			if condition.Type == "Ready" && condition.Status == "True" {
				return nil
			}
			if condition.Type == "Ready" {
				err = fmt.Errorf("node %s is not ready: %s", name, condition.Message)
			}
		}
		if err == nil {
			err = fmt.Errorf("node %s does not say yet whether it is ready", name)
		}
		return err
	}
}
